//! `oauth2` over our own client.
//!
//! The crate's error type keeps `error` and `error_description` only. This closure therefore turns an
//! error answer into an [`EntraError`] itself, codes and all, before the crate sees it; what is left for
//! the crate is a 200.

use std::future::Future;

use oauth2::{HttpRequest, HttpResponse, http as oauth_http};
use reqwest::{Client, Request};

use super::{EntraError, http};

/// The HTTP client that `oauth2` is given.
pub(super) fn through(
    client: &Client,
) -> impl Fn(
    HttpRequest,
) -> std::pin::Pin<Box<dyn Future<Output = Result<HttpResponse, EntraError>> + Send>>
+ use<> {
    let client = client.clone();
    move |request| {
        let client = client.clone();
        Box::pin(async move {
            let unusable = |reason: String| EntraError::Unusable {
                place: "request".to_owned(),
                reason,
            };
            let request =
                Request::try_from(request).map_err(|error| unusable(error.to_string()))?;
            let answer = http::send(&client, request).await?;
            let mut response = oauth_http::Response::builder().status(200);
            if let Some(content_type) = answer.content_type {
                response = response.header("content-type", content_type);
            }
            response
                .body(answer.body.to_vec())
                .map_err(|error| unusable(error.to_string()))
        })
    }
}
