//! What the server is compared with: hyper alone, with one fixed answer for everything.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::thread;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;

/// Answers every request with `body` until killed. Prints where it listens, as its only line. `layout` is
/// `shared`, one runtime for all cores as nearly everybody has it, or `apart`: like the server's workers,
/// a listener and a runtime for each.
pub(crate) fn serve_bare(layout: &str, body: &str) -> Result<(), String> {
    let body = Bytes::from(body.to_owned());
    let served = match layout {
        "shared" => serve_shared(body),
        _ => serve_apart(&body),
    };
    served.map_err(|error| format!("bare hyper: {error}"))
}

fn serve_shared(body: Bytes) -> io::Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        accept(listener, body).await
    })
}

fn serve_apart(body: &Bytes) -> io::Result<()> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut address = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut working = Vec::new();
    for _ in 0..threads {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseport(true)?;
            socket.bind(address)?;
            socket.listen(1_024)?
        };
        address = listener.local_addr()?;
        let body = body.clone();
        working.push(thread::spawn(move || runtime.block_on(accept(listener, body))));
    }
    println!("{address}");
    for thread in working {
        thread
            .join()
            .map_err(|_| io::Error::other("a thread panicked"))??;
    }
    Ok(())
}

async fn accept(listener: TcpListener, body: Bytes) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, body.clone()));
    }
}

async fn connection(stream: TcpStream, body: Bytes) {
    let service = service_fn(move |_: Request<Incoming>| {
        let mut response = Response::new(Full::new(body.clone()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        async { Ok::<_, Infallible>(response) }
    });
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // The load generator ends its connections as it likes.
    drop(served.await);
}
