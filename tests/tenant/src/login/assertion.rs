//! Client assertions: a JWT that the registration's certificate signed (facts §2.1),
//! or one of another identity provider that it trusts ([`federated`]).
//!
//! The forms that Microsoft's own libraries send are all taken: PS256 with
//! `x5t#S256` (with or without padding) or RS256 with `x5t`; times as fractions;
//! no `nbf`. `x5c` is not looked at: chains count for subject-name trust only,
//! which is not simulated.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use time::OffsetDateTime;

use super::{LOGIN, LoginError, jwt};
use crate::clock::login_instant;
use crate::state::app::App;
use crate::state::certificate::Certificate;
use crate::state::tenant::Tenant;

mod federated;

/// Seconds by which the client's clock may differ.
const SKEW: f64 = 300.0;

/// The names under which the tenant takes assertions.
pub(super) struct Addressee(Vec<String>);

impl Addressee {
    /// Token endpoints and issuer of a tenant, by id and by every domain.
    pub(super) fn of(tenant: &Tenant) -> Self {
        let names = tenant.domains.iter().map(|domain| domain.name.as_str());
        let all = names.chain([tenant.id.as_str()]);
        Self(
            all.flat_map(|name| {
                [
                    format!("{LOGIN}/{name}/oauth2/v2.0/token"),
                    format!("{LOGIN}/{name}/v2.0"),
                ]
            })
            .collect(),
        )
    }
}

/// Checks the assertion of this registration.
pub(super) fn check(
    app: &App,
    assertion: &str,
    addressee: &Addressee,
    now: OffsetDateTime,
) -> Result<(), LoginError> {
    let unknown = || unknown_key(app, "The key was not found.");
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(unknown)?;
    let (header, claims) = signed.split_once('.').ok_or_else(unknown)?;
    let header = jwt::decoded(header).ok_or_else(unknown)?;
    let claims = jwt::decoded(claims).ok_or_else(unknown)?;

    // Tokens of other providers name no certificate, and themselves as issuer.
    let names_certificate = ["x5t", "x5t#S256"]
        .iter()
        .any(|name| header.get(name).is_some());
    let issuer = claims.get("iss").and_then(Value::as_str);
    if !names_certificate && issuer.is_some_and(|issuer| issuer != app.client_id) {
        return federated::check(app, &header, &claims, (signed, signature), now);
    }
    let certificate = app
        .certificates
        .iter()
        .find(|known| is_named(&header, known))
        .ok_or_else(unknown)?;
    if now > certificate.not_after {
        return Err(unknown_key(app, "The key used is expired."));
    }
    if !is_signed_by(certificate, &header, (signed, signature)) {
        return Err(unknown_key(
            app,
            "The key was found, but use of the key to verify the signature failed.",
        ));
    }
    check_claims(app, &claims, addressee, now)
}

fn is_named(header: &Value, certificate: &Certificate) -> bool {
    let named = |name: &str| {
        let text = header.get(name).and_then(Value::as_str);
        text.map(|text| text.trim_end_matches('='))
    };
    match named("x5t#S256") {
        Some(thumbprint) => thumbprint == certificate.sha256,
        None => named("x5t") == Some(&certificate.sha1),
    }
}

/// Whether the signature behind the signed text is the certificate's key's.
fn is_signed_by(certificate: &Certificate, header: &Value, token: (&str, &str)) -> bool {
    algorithm(header).is_some_and(|algorithm| {
        URL_SAFE_NO_PAD.decode(token.1).is_ok_and(|signature| {
            UnparsedPublicKey::new(algorithm, &certificate.public_key)
                .verify(token.0.as_bytes(), &signature)
                .is_ok()
        })
    })
}

fn algorithm(header: &Value) -> Option<&'static RsaParameters> {
    match header.get("alg").and_then(Value::as_str)? {
        "PS256" => Some(&RSA_PSS_2048_8192_SHA256),
        "RS256" => Some(&RSA_PKCS1_2048_8192_SHA256),
        _ => None,
    }
}

fn check_claims(
    app: &App,
    claims: &Value,
    addressee: &Addressee,
    now: OffsetDateTime,
) -> Result<(), LoginError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if [text("iss"), text("sub")] != [&app.client_id; 2] {
        return Err(LoginError::new(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    if !addressee.0.iter().any(|name| name == text("aud")) {
        return Err(LoginError::new(
            700_023,
            "Client assertion audience claim does not match Realm issuer.",
        ));
    }
    check_times(claims, now)
}

fn check_times(claims: &Value, now: OffsetDateTime) -> Result<(), LoginError> {
    let second = |name: &str| claims.get(name).and_then(Value::as_f64);
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds of this millennium are far below 2^52"
    )]
    let instant = now.unix_timestamp() as f64;
    let begun = second("nbf").is_none_or(|begin| begin <= instant + SKEW);
    let ended = second("exp").is_none_or(|end| end + SKEW <= instant);
    if !begun || ended {
        return Err(LoginError::new(
            700_024,
            format!(
                "Client assertion is not within its valid time range. Current time: {}.",
                login_instant(now)
            ),
        ));
    }
    Ok(())
}

fn unknown_key(app: &App, reason: &str) -> LoginError {
    LoginError::new(
        700_027,
        format!(
            "The certificate with identifier used to sign the client assertion is not registered \
             on application. [Reason - {reason}, Please visit the Azure Portal, Graph Explorer or \
             directly use MS Graph to see configured keys for app Id '{}'.]",
            app.client_id
        ),
    )
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
    use serde_json::json;

    use super::*;
    use crate::login::handle;
    use crate::state::World;
    use crate::state::seed::contoso;
    use crate::wire::{percent_encoded, request};

    const SYNC: &str = "3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002";

    /// A registered certificate's key, and the certificate.
    fn registered(world: &mut World) -> (EncodingKey, Certificate) {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let certificate = Certificate::try_from(params.self_signed(&pair).unwrap().pem()).unwrap();
        world.tenants[0].apps[0].certificates = vec![certificate.clone()];
        let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        (key, certificate)
    }

    fn good(world: &World) -> Value {
        let now = world.clock.now().unix_timestamp();
        let tenant = &world.tenants[0].id;
        json!({
            "aud": format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"),
            "iss": SYNC, "sub": SYNC, "jti": "1", "nbf": now, "iat": now, "exp": now + 300,
        })
    }

    /// The AADSTS code of the answer to this assertion; none for a token.
    fn outcome(
        world: &mut World,
        header: &Header,
        claims: &Value,
        key: &EncodingKey,
    ) -> Option<u64> {
        let assertion = encode(header, claims, key).unwrap();
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let body = format!(
            "grant_type=client_credentials&client_id={SYNC}\
             &scope=https://graph.microsoft.com/.default\
             &client_assertion_type={}&client_assertion={assertion}",
            percent_encoded(kind)
        );
        let url = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token";
        let answer = handle(world, &request(Method::POST, url, &body)).value();
        assert!(answer["access_token"].is_string() || answer["error_codes"].is_array());
        answer["error_codes"][0].as_u64()
    }

    fn header(algorithm: Algorithm, sha256: Option<String>, sha1: Option<String>) -> Header {
        let mut header = Header::new(algorithm);
        (header.x5t_s256, header.x5t) = (sha256, sha1);
        header
    }

    #[test]
    fn the_forms_that_microsofts_libraries_send_are_taken() {
        let world = &mut contoso();
        let (key, certificate) = registered(world);
        let claims = good(world);
        let mut fractions = claims.clone();
        fractions["exp"] = json!(claims["exp"].as_f64().unwrap() + 0.5);
        fractions.as_object_mut().unwrap().remove("nbf");
        let padded = format!("{}=", certificate.sha256);
        for (header, claims) in [
            (
                header(Algorithm::PS256, Some(certificate.sha256.clone()), None),
                &claims,
            ),
            (header(Algorithm::PS256, Some(padded), None), &fractions),
            (
                header(Algorithm::RS256, None, Some(certificate.sha1.clone())),
                &fractions,
            ),
        ] {
            assert_eq!(outcome(world, &header, claims, &key), None, "{header:?}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_number() {
        let world = &mut contoso();
        let (key, certificate) = registered(world);
        let right = header(Algorithm::PS256, Some(certificate.sha256.clone()), None);
        let claims = good(world);
        let with = |name: &str, value: Value| {
            let mut claims = claims.clone();
            claims[name] = value;
            claims
        };
        let now = world.clock.now().unix_timestamp();
        for (changed, code) in [
            (
                with(
                    "aud",
                    json!("https://login.microsoftonline.com/other/oauth2/v2.0/token"),
                ),
                700_023,
            ),
            (with("iss", json!("somebody")), 700_021),
            (with("sub", json!("somebody")), 700_021),
            (with("exp", json!(now - 301)), 700_024),
            (with("nbf", json!(now + 301)), 700_024),
        ] {
            assert_eq!(
                outcome(world, &right, &changed, &key),
                Some(code),
                "{changed}"
            );
        }
        let unnamed = header(Algorithm::PS256, None, None);
        assert_eq!(outcome(world, &unnamed, &claims, &key), Some(700_027));
        let misnamed = header(Algorithm::PS256, Some(certificate.sha1.clone()), None);
        assert_eq!(outcome(world, &misnamed, &claims, &key), Some(700_027));
        let (other, _) = registered(&mut contoso());
        assert_eq!(outcome(world, &right, &claims, &other), Some(700_027));
        world.clock.advance(200 * 86_400);
        assert_eq!(outcome(world, &right, &good(world), &key), Some(700_027));
    }

    #[test]
    fn another_providers_token_counts_if_it_is_trusted_to_the_letter() {
        let world = &mut contoso();
        let (key, certificate) = registered(world);
        let app = &mut world.tenants[0].apps[0];
        app.certificates.clear();
        let trusted = json!([{
            "issuer": "https://issuer.example", "subject": "host-1", "certificate": certificate,
        }]);
        app.federated_credentials = serde_json::from_value(trusted).unwrap();
        let plain = header(Algorithm::RS256, None, None);
        let now = world.clock.now().unix_timestamp();
        let claims = json!({
            "iss": "https://issuer.example", "sub": "host-1",
            "aud": ["api://AzureADTokenExchange"], "exp": now + 300,
        });
        assert_eq!(outcome(world, &plain, &claims, &key), None);
        for (name, value, code) in [
            ("iss", json!("https://issuer.example/"), 700_211),
            ("sub", json!("Host-1"), 700_213),
            ("aud", json!("api://AzureADTokenexchange"), 700_212),
            ("exp", json!(now - 301), 700_024),
        ] {
            let mut changed = claims.clone();
            changed[name] = value;
            assert_eq!(outcome(world, &plain, &changed, &key), Some(code), "{name}");
        }
        let (other, _) = registered(&mut contoso());
        assert_eq!(outcome(world, &plain, &claims, &other), Some(50_013));
    }
}
