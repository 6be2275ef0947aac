//! The agent: everything of entra-login that talks to Microsoft, and everything that is remembered.
//!
//! It runs as its own system user, never as root and with no capability. Two contracts bound it: the
//! sockets of [`entra_protocol`] towards the PAM module and `entractl`, and the file of
//! `entra_snapshot` towards every process that resolves a name.
//!
//! The directory half (`graph`, `sync`, `names`, `ids`, `store`, `publish`) brings people and groups
//! from the tenant to the snapshot. The front half (`server`, `auth`, `entra`, `admin`, `doctor`) answers those
//! who ask, `offline` recognises people while the tenant is away, and `runs` and `schedule` order imports. They meet in [`store::Store`], [`sync::Syncer`] and [`publish::Publisher`], and nowhere
//! else: a sign-in never waits for an import, an import never waits for a person.
//!
//! Time, paths and the network are parameters of every part; [`service`] is where they become real.

pub mod admin;
pub mod auth;
pub mod clock;
pub mod config;
pub mod counters;
pub mod doctor;
pub mod entra;
pub mod graph;
pub mod identity;
pub mod ids;
pub mod logging;
pub mod names;
pub mod offline;
pub mod probe;
pub mod publish;
pub mod runs;
pub mod schedule;
pub mod server;
pub mod service;
pub mod store;
pub mod sync;
pub mod trials;
