//! The people of the seed tenant that tests and demo sign in as, and the host's
//! own local accounts.
//!
//! The seed is `tests/tenant/seeds/contoso.json`; the local accounts are made by
//! `image/prepare.sh`.

/// Somebody who can be asked to sign in.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// The name on the host.
    pub name: &'static str,
    /// The user principal name in the tenant; the name again for local accounts.
    pub upn: &'static str,
    /// The password.
    pub password: &'static str,
}

/// An ordinary person; the password suffices.
pub const ALICE: Person = entra("alice", "alice@contoso.example", "Correct-Horse-9");
/// The tenant demands multi-factor authentication of Bob.
pub const BOB: Person = entra("bob", "bob@contoso.example", "Battery-Staple-7");
/// The administrator of the demo.
pub const CAROL: Person = entra("carol", "carol@contoso.example", "Tr0ub4dor-and-3");
/// Disabled in the tenant.
pub const DAVE: Person = entra("dave", "dave@contoso.example", "Disabled-Dave-1");
/// Has no password, signs in with a passkey: here by device code only.
pub const ERIN: Person = entra("erin", "erin@contoso.example", "");
/// Another ordinary person, up to no good.
pub const MALLORY: Person = entra("mallory", "mallory@contoso.example", "Mallory-Wants-In-5");
/// In the tenant, left out of named scopes.
pub const FRANK: Person = entra("frank", "frank@contoso.example", "Frank-Outside-2");

/// The host's root.
pub const ROOT: Person = local("root", "Root-Secret-1");
/// A local account of the host.
pub const LARS: Person = local("lars", "Local-Lars-1");

const fn entra(name: &'static str, upn: &'static str, password: &'static str) -> Person {
    Person {
        name,
        upn,
        password,
    }
}

const fn local(name: &'static str, password: &'static str) -> Person {
    Person {
        name,
        upn: name,
        password,
    }
}
