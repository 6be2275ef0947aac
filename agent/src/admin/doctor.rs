//! `doctor`: what an examiner finds, tenant by tenant.

use entra_protocol::admin::{Done, Request, Row};

use super::directory;
use super::verbs::{Call, Handling};
use crate::config::Tenant;

pub(super) fn doctor(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::Doctor { tenant } = &call.request else {
            return Err(directory::mismatch());
        };
        let only = match tenant {
            Some(named) => Some(call.admin.importers.of(Some(named))?.tenant()),
            None => None,
        };
        let meant = |tenant: &&Tenant| only.is_none_or(|only| tenant.id == only);
        let mut count = 0;
        for tenant in call.admin.tenants.iter().filter(meant) {
            for check in call.admin.examiner.examine(tenant).await {
                call.replies.row(Row::Check(check)).await?;
                count += 1;
            }
        }
        Ok(Done::Rows { count })
    })
}
