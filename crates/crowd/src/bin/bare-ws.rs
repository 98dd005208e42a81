//! `bare-ws`: what logins and heartbeats are compared with. A WebSocket server on the same threads that
//! opens connections and echoes messages, as lean as can be: one task for each connection, and no buffers
//! while it is idle.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use sha1::{Digest, Sha1};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

#[derive(Debug, Parser)]
struct Args {
    /// Where to listen. The address is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Threads, each with its own listener, event loop and table of open files.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY: &[u8] = b"sec-websocket-key:";
const BACKLOG: u32 = 4_096;
const READ_BYTES: usize = 16 << 10;

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
}

fn main() -> ExitCode {
    match serve(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bare-ws: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &Args) -> io::Result<()> {
    let _ = rlimit::increase_nofile_limit(rlimit::INFINITY);
    let mut address = args.listen;
    let mut threads = Vec::new();
    for (number, event_loop) in crowd::threads::event_loops(args.threads)?.into_iter().enumerate() {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let listen = address;
        threads.push(crowd::threads::start(
            format!("bare-{number}"),
            event_loop,
            move |event_loop| {
                event_loop.block_on(async {
                    let listener = listener(listen)?;
                    // Whoever does not wait for it has given up.
                    let _ = tell.send(listener.local_addr()?);
                    accept(listener).await
                })
            },
        )?);
        address = told.recv().map_err(io::Error::other)?;
    }
    println!("{address}");
    for thread in threads {
        thread
            .join()
            .map_err(|_| io::Error::other("a thread panicked"))???;
    }
    Ok(())
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // What clients do to their connections is their own business.
        tokio::spawn(async move { drop(connection(stream).await) });
    }
}

async fn connection(stream: TcpStream) -> io::Result<()> {
    let mut opened = false;
    loop {
        stream.readable().await?;
        let ended = READ.with_borrow_mut(|read| {
            let len = match stream.try_read(read) {
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            let answer = if opened {
                echo(&mut read[..len])?
            } else {
                open(&read[..len])?
            };
            opened = true;
            stream.try_write(&answer)?;
            Ok(len == 0)
        })?;
        if ended {
            return Ok(());
        }
    }
}

/// Answers a handshake, which has to come in one piece.
fn open(request: &[u8]) -> io::Result<Vec<u8>> {
    let mut lines = request.split(|&byte| byte == b'\n');
    let key = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(KEY.len())?;
        name.eq_ignore_ascii_case(KEY).then_some(value.trim_ascii())
    });
    let key = key.ok_or(io::ErrorKind::InvalidData)?;
    let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(ACCEPT_GUID).finalize());
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes())
}

/// Says each message back, unmasked; they have to come in one piece too.
fn echo(mut read: &mut [u8]) -> io::Result<Vec<u8>> {
    let mut answer = Vec::with_capacity(read.len());
    while let [_, second, ..] = *read {
        let (head, len) = match second & 0x7F {
            126 => {
                let len: [u8; 2] = read
                    .get(2..4)
                    .and_then(|len| len.try_into().ok())
                    .ok_or(io::ErrorKind::InvalidData)?;
                (8, usize::from(u16::from_be_bytes(len)))
            }
            127 => return Err(io::ErrorKind::InvalidData.into()),
            short => (6, usize::from(short)),
        };
        if read.len() < head + len {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let (frame, rest) = read.split_at_mut(head + len);
        let (header, payload) = frame.split_at_mut(head);
        for (byte, mask) in payload.iter_mut().zip(header[head - 4..].iter().cycle()) {
            *byte ^= mask;
        }
        answer.extend([header[0], second & 0x7F]);
        answer.extend(&header[2..head - 4]);
        answer.extend(&*payload);
        read = rest;
    }
    Ok(answer)
}
