//! Clients that are online: a WebSocket each that has logged in.

use std::io;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fill::user;
use super::server::Server;

/// Logs in the first accounts. They are online until their sockets are dropped.
pub(super) async fn log_in(server: &Server, count: usize) -> io::Result<Vec<TcpStream>> {
    let mut sockets = Vec::with_capacity(count);
    for number in 0..count {
        sockets.push(client(server, &user(number)).await?);
    }
    Ok(sockets)
}

async fn client(server: &Server, user: &str) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(server.address).await?;
    let handshake = "GET /binfo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    socket.write_all(handshake.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let login = json!({
        "head": {
            "servcmd": "im_open_status.wslogin", "seq": 1, "sdkappid": server.sdkappid,
            "identifier": user, "usersig": server.sign(user)?, "platform": 10,
        },
        "body": {},
    });
    let message = login.to_string();
    // One binary frame of middle length, masked with zeros.
    let mut frame = vec![0x82, 0x80 | 0x7E];
    frame.extend(
        u16::try_from(message.len())
            .map_err(io::Error::other)?
            .to_be_bytes(),
    );
    frame.extend([0; 4]);
    frame.extend(message.as_bytes());
    socket.write_all(&frame).await?;
    if socket.read_u16().await? != 0x827E {
        return Err(io::Error::other(
            "the answer to a login is not a frame of middle length",
        ));
    }
    let mut answer = vec![0; usize::from(socket.read_u16().await?)];
    socket.read_exact(&mut answer).await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    if answer["body"]["ErrorCode"] == json!(0) {
        Ok(socket)
    } else {
        Err(io::Error::other(format!("the login of {user}: {answer}")))
    }
}
