//! An authority and a certificate of its own, for one Redis.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};

/// Of the authority, of the server, and the server's key.
const FILES: [&str; 3] = ["ca.pem", "cert.pem", "key.pem"];

/// Writes new ones, for 127.0.0.1 and localhost.
pub(super) fn write(folder: &Path) {
    let mut authority = CertificateParams::default();
    // Another name than that of the certificate it signs, which would look as if it had signed itself.
    authority.distinguished_name.push(DnType::CommonName, "authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().expect("a key");
    let ca = authority.self_signed(&authority_key).expect("a certificate");

    let mut server = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    server
        .subject_alt_names
        .push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let key = KeyPair::generate().expect("a key");
    let issuer = Issuer::new(authority, authority_key);
    let cert = server.signed_by(&key, &issuer).expect("a certificate");

    let texts = [ca.pem(), cert.pem(), key.serialize_pem()];
    for (file, text) in FILES.into_iter().zip(texts) {
        fs::write(folder.join(file), text).expect("the folder can be written");
    }
}

/// Takes over those of another server.
pub(super) fn copy(from: &Path, to: &Path) {
    for file in FILES {
        fs::copy(from.join(file), to.join(file)).expect("the folder can be written");
    }
}
