//! HTTPS with a certificate that can be changed, and both versions of HTTP with and without it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Server, create_app};
use crate::text;

/// Writes a new certificate and its key for `localhost` where the server looks for them.
fn new_certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(folder.join("cert.pem"), made.cert.pem()).expect("it is written");
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("it is written");
    made.cert.der().clone()
}

/// A TLS connection of a client that trusts one certificate and speaks one version of HTTP.
async fn connect(
    server: SocketAddr,
    trusted: &CertificateDer<'static>,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("it is a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the defaults go together")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TcpStream::connect(server).await?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Calls a command without credentials, which is enough to see who answers.
fn call() -> Request<Full<Bytes>> {
    Request::post("https://localhost/v4/group_open_http_svc/create_group")
        .body(Full::from("{}"))
        .expect("a request")
}

async fn check_answer(response: Response<Incoming>, version: Version) {
    assert_eq!((response.status().as_u16(), response.version()), (200, version));
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    let answer: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(answer["ErrorCode"], 60012, "sdkappid is missing: {answer}");
}

async fn http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("HTTP/1.1");
    let driven = tokio::spawn(connection);
    let response = sender.send_request(call()).await.expect("an answer");
    check_answer(response, Version::HTTP_11).await;
    // Closed before anything else: a server that stops waits for its clients.
    drop(sender);
    drop(driven.await);
}

async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    let driven = tokio::spawn(connection);
    let response = sender.send_request(call()).await.expect("an answer");
    check_answer(response, Version::HTTP_2).await;
    // Closed before anything else: a server that stops waits for its clients.
    drop(sender);
    drop(driven.await);
}

#[tokio::test]
async fn both_versions_of_http_without_tls() {
    let folder = TempDir::new().unwrap();
    create_app(folder.path(), &[]);
    let server = Server::start(folder.path(), &[]);
    http1(TcpStream::connect(server.listen).await.unwrap()).await;
    http2(TcpStream::connect(server.listen).await.unwrap()).await;
    assert_eq!(server.stop().code, Some(0));
}

#[tokio::test]
async fn both_versions_of_http_with_a_certificate_that_changes() {
    let folder = TempDir::new().unwrap();
    let first = new_certificate(folder.path());
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let data = folder.path().join("data");
    create_app(&data, &[]);
    let server = Server::start(&data, &["--tls-cert", text(&cert), "--tls-key", text(&key)]);
    let stream = connect(server.listen, &first, b"http/1.1").await.unwrap();
    http1(stream).await;
    let old = connect(server.listen, &first, b"h2").await.unwrap();
    assert_eq!(old.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    let second = new_certificate(folder.path());
    server.process.signal("HUP");
    server.process.wait_for("the certificate was read again");
    for alpn in [&b"h2"[..], b"http/1.1"] {
        let stream = connect(server.listen, &second, alpn).await.unwrap();
        assert_eq!(
            stream.get_ref().1.peer_certificates(),
            Some(&[second.clone()][..])
        );
        assert!(
            connect(server.listen, &first, alpn).await.is_err(),
            "the first is served no more"
        );
        match alpn {
            b"h2" => http2(stream).await,
            _ => http1(stream).await,
        }
    }
    // What was connected before stays connected.
    http2(old).await;

    fs::write(&cert, "no certificate").unwrap();
    server.process.signal("HUP");
    server.process.wait_for("keeping the certificate in use");
    http2(connect(server.listen, &second, b"h2").await.unwrap()).await;
    assert_eq!(server.stop().code, Some(0));
}
