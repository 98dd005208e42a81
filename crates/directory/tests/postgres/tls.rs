//! TLS between server and database.

use std::sync::Arc;

use headcount_directory::Directory;
use headcount_directory::postgres::{OpenError, PostgresDirectory};
use rcgen::CertifiedKey;
use testbed::Postgres;

use crate::server::{Journal, connect, number};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_are_encrypted_and_only_to_who_is_trusted() {
    let mut database = Postgres::start();
    let own = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let CertifiedKey { cert, signing_key } = own("127.0.0.1");
    database.offer_tls(&cert.pem(), &signing_key.serialize_pem());
    let url = database.create_database();
    let folder = tempfile::tempdir().unwrap();
    let with = |mode: &str, certificate: &str| {
        let file = folder.path().join(mode);
        std::fs::write(&file, certificate).unwrap();
        url.replace(
            "sslmode=disable",
            &format!("sslmode={mode}&sslrootcert={}", file.display()),
        )
    };

    for mode in ["verify-full", "require"] {
        let encrypted = PostgresDirectory::open(&with(mode, &cert.pem()), Arc::new(Journal::default())).await;
        let encrypted = encrypted.unwrap();
        assert!(encrypted.apps().await.is_ok());
        let beside = connect(&url).await;
        let of_ours = |ssl| {
            format!(
                "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE application_name = 'headcount' AND ssl = {ssl}"
            )
        };
        assert!(number(&beside, &of_ours(true)).await > 0);
        assert_eq!(number(&beside, &of_ours(false)).await, 0);
        encrypted.close().await;
    }

    let stranger = own("127.0.0.1").cert.pem();
    let refused =
        PostgresDirectory::open(&with("verify-full", &stranger), Arc::new(Journal::default())).await;
    let Some(OpenError::Store(error)) = refused.err() else {
        panic!("a certificate of somebody else was taken");
    };
    assert!(error.0.contains("certificate"), "{error}");

    let other_name = own("localhost");
    database.offer_tls(&other_name.cert.pem(), &other_name.signing_key.serialize_pem());
    let trusted = with("verify-full", &other_name.cert.pem());
    let refused = PostgresDirectory::open(&trusted, Arc::new(Journal::default())).await;
    assert!(
        matches!(refused.err(), Some(OpenError::Store(_))),
        "the name is another one"
    );
}
