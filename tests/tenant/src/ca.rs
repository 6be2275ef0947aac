//! `make-ca`: the certificate authority of one test container.
//!
//! Writes a root certificate for the trust store and a server certificate for
//! every host name the tenant answers to. The authority's key is dropped after
//! the one signature, so the files cannot be used to impersonate anything else.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Every name the server is reached by.
pub(crate) const HOSTS: [&str; 10] = [
    "login.microsoftonline.com",
    "login.microsoft.com",
    "login.windows.net",
    "graph.microsoft.com",
    "management.azure.com",
    "microsoft.com",
    "www.microsoft.com",
    "aka.ms",
    "localhost",
    "127.0.0.1",
];

/// Writes `ca.pem`, `server.pem` and `server.key` (0600) into `folder`.
pub(crate) fn make(folder: &Path) -> Result<(), String> {
    let certificates = build().map_err(|error| format!("cannot make the certificates: {error}"))?;
    let write = |name: &str, text: &str, mode: u32| {
        write_file(&folder.join(name), text, mode)
            .map_err(|error| format!("cannot write {name} in {}: {error}", folder.display()))
    };
    fs::create_dir_all(folder)
        .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
    write("ca.pem", &certificates.authority, 0o644)?;
    write("server.pem", &certificates.server, 0o644)?;
    write("server.key", &certificates.key, 0o600)
}

struct Certificates {
    authority: String,
    server: String,
    key: String,
}

fn build() -> Result<Certificates, rcgen::Error> {
    let mut root = CertificateParams::new(Vec::<String>::new())?;
    root.distinguished_name
        .push(DnType::CommonName, "Simulated tenant root");
    root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root_key = KeyPair::generate()?;
    let authority = root.self_signed(&root_key)?;
    let issuer = Issuer::new(root, root_key);

    let mut server = CertificateParams::new(HOSTS.map(String::from).to_vec())?;
    server
        .distinguished_name
        .push(DnType::CommonName, "login.microsoftonline.com");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?;
    Ok(Certificates {
        authority: authority.pem(),
        server: certificate.pem(),
        key: key.serialize_pem(),
    })
}

fn write_file(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    use io::Write;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())
}
