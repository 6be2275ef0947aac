//! The page at login.microsoft.com/device, where a person types the code.
//!
//! A real page for a real browser inside the container, shorter than Entra's: it
//! asks for code, name and password at once, and takes the second factor as
//! shown. What a person types is never put into the page unescaped.

use axum::http::StatusCode;

use super::device::{self, State};
use super::password::{Proof, sign_in};
use crate::state::World;
use crate::wire::{Answer, Form, Request};

/// The empty form; `?otc=CODE` fills in the code.
pub(super) fn form(request: &Request) -> Answer {
    page("", request.parameter("otc").unwrap_or_default())
}

/// Approves or declines.
pub(super) fn submit(world: &mut World, request: &Request) -> Answer {
    let form = request.form();
    let code = form.field("user_code").unwrap_or_default().to_owned();
    match decide(world, &form, &code) {
        Ok(done) => finished(done),
        Err(why) => page(&why, &code),
    }
}

fn decide(world: &mut World, form: &Form, code: &str) -> Result<&'static str, String> {
    if form.field("action") == Some("decline") {
        let found = device::by_user_code(world, code)
            .filter(|found| found.state == State::Pending)
            .ok_or("That code didn't work. Check the code and try again.")?;
        found.state = State::Declined;
        return Ok("You declined the request. You can close this window.");
    }
    let name = form.field("username").ok_or("Enter your username.")?;
    let password = form.field("password").unwrap_or_default();
    let (index, app) = device::parties(world, code, name)?;
    let now = world.clock.now();
    let tenant = world
        .tenants
        .get_mut(index)
        .ok_or("No such organization.")?;
    let user = sign_in(tenant, &app, name, password, Proof::Page, now)
        .map_err(|error| format!("AADSTS{}: {}", error.code, error.message))?;
    if !device::approve(world, code, index, &user) {
        return Err("This code has expired or was already used.".to_owned());
    }
    Ok("You have signed in to the application on your device. You may now close this window.")
}

fn page(problem: &str, code: &str) -> Answer {
    let problem = match problem {
        "" => String::new(),
        text => format!("<p role=\"alert\">{}</p>\n", escaped(text)),
    };
    html(&format!(
        "<h1>Enter code to allow access</h1>\n{problem}\
         <form method=\"post\" action=\"/device\" autocomplete=\"off\">\n\
         <p><label>Code <input name=\"user_code\" value=\"{}\" maxlength=\"20\" autofocus></label></p>\n\
         <p><label>Username <input name=\"username\" type=\"email\"></label></p>\n\
         <p><label>Password <input name=\"password\" type=\"password\"></label></p>\n\
         <p>Do not continue if you did not start this on your own device.</p>\n\
         <p><button name=\"action\" value=\"approve\">Continue</button>\n\
         <button name=\"action\" value=\"decline\">Cancel</button></p>\n</form>",
        escaped(code)
    ))
}

fn finished(sentence: &str) -> Answer {
    html(&format!(
        "<h1>Sign in</h1>\n<p role=\"status\">{}</p>",
        escaped(sentence)
    ))
}

fn html(body: &str) -> Answer {
    let text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Sign in to your account</title>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    );
    Answer::text(StatusCode::OK, "text/html; charset=utf-8", text)
        .with("cache-control", "no-store, no-cache")
        .with(
            "content-security-policy",
            "default-src 'none'; form-action 'self'",
        )
}

fn escaped(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            '\'' => "&#39;".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::login::handle;
    use crate::state::seed::contoso;
    use crate::wire::{percent_encoded, request};

    fn text(answer: &Answer) -> String {
        String::from_utf8(answer.body.clone()).unwrap()
    }

    fn started(world: &mut World) -> String {
        let url = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/devicecode";
        let body = "client_id=9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003&scope=openid";
        handle(world, &request(Method::POST, url, body));
        world.device_codes[0].user_code.clone()
    }

    fn submitted(
        world: &mut World,
        code: &str,
        name: &str,
        password: &str,
        action: &str,
    ) -> String {
        let body = format!(
            "user_code={code}&username={}&password={}&action={action}",
            percent_encoded(name),
            percent_encoded(password)
        );
        text(&handle(
            world,
            &request(Method::POST, "https://login.microsoft.com/device", &body),
        ))
    }

    #[test]
    fn a_person_with_a_second_factor_approves_on_the_page() {
        let world = &mut contoso();
        let code = started(world);
        let name = "bob@contoso.example";
        let wrong = submitted(world, &code, name, "wrong", "approve");
        assert!(wrong.contains("AADSTS50126"), "{wrong}");
        assert_eq!(world.device_codes[0].state, State::Pending);
        let right = submitted(world, &code, name, "Battery-Staple-7", "approve");
        assert!(right.contains("You have signed in"), "{right}");
        assert!(matches!(world.device_codes[0].state, State::Approved(_)));
    }

    #[test]
    fn declining_needs_no_password() {
        let world = &mut contoso();
        let code = started(world);
        submitted(world, &code, "", "", "decline");
        assert_eq!(world.device_codes[0].state, State::Declined);
    }

    #[test]
    fn what_is_typed_comes_back_escaped() {
        let url = "https://login.microsoft.com/device?otc=%22%3E%3Cscript%3E";
        let shown = text(&handle(&mut contoso(), &request(Method::GET, url, "")));
        assert!(shown.contains("&quot;&gt;&lt;script&gt;") && !shown.contains("<script>"));
    }
}
