//! `explain`: what the agent would decide if somebody signed in now.

use entra_protocol::admin::{Done, Request, Row};

use super::failure;
use super::verbs::{Call, Handling};
use crate::auth::Question;

pub(super) fn explain(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::Explain {
            user,
            service,
            offline,
        } = call.request
        else {
            return Err(failure::of(
                entra_protocol::admin::FailureKind::BadRequest,
                "another verb came to `explain`",
            ));
        };
        let question = Question {
            user,
            service,
            offline,
        };
        let steps = call.admin.sign_ins.explain(&question).await;
        let mut count = 0;
        for step in steps.map_err(failure::of_store)? {
            call.replies.row(Row::Step(step)).await?;
            count += 1;
        }
        Ok(Done::Rows { count })
    })
}
