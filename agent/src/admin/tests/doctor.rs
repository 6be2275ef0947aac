//! `doctor`: what an examiner found comes out as it is, for the tenants that are meant.

use entra_protocol::admin::{Check, CheckState};

use super::*;
use crate::doctor::Examining;

/// Finds one good thing in each tenant.
pub(super) struct Healthy;

impl Examiner for Healthy {
    fn examine<'a>(&'a self, tenant: &'a Tenant) -> Examining<'a> {
        let check = Check {
            about: tenant.domain.clone(),
            name: "domain".to_owned(),
            state: CheckState::Good,
            found: "well".to_owned(),
            cure: None,
            reference: None,
        };
        Box::pin(async move { vec![check] })
    }
}

#[tokio::test]
async fn doctor_tells_every_check_of_the_tenants_that_are_meant() {
    let host = Host::new();
    let doctor = |tenant: Option<&str>| Request::Doctor {
        tenant: tenant.map(str::to_owned),
    };
    for tenant in [None, Some(CONTOSO.0)] {
        let (rows, end) = ask(&host, CAROL_UID, doctor(tenant), vec![]).await;
        assert_eq!(end, Ok(Done::Rows { count: 1 }));
        assert!(matches!(&rows[..], [Reply::Row(Row::Check(check))] if check.about == CONTOSO.0));
    }
    let (_, end) = ask(&host, CAROL_UID, doctor(Some("nowhere.example")), vec![]).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::NotFound);
}
