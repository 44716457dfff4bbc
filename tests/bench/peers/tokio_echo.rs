// tokio_echo PORT: a Tokio task per connection on the single-threaded runtime, the cheapest for one CPU.
// A connection starts with a small buffer and gets a large one when it fills it.
use socket2::{Domain, Socket, Type};
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SMALL_BYTES: usize = 4 * 1024;
const LARGE_BYTES: usize = 64 * 1024;
const BACKLOG: i32 = 4096;

async fn serve(mut stream: TcpStream) {
    let mut buffer = vec![0u8; SMALL_BYTES];
    loop {
        let got = match stream.read(&mut buffer).await {
            Ok(got) if got > 0 => got,
            _ => return,
        };
        if stream.write_all(&buffer[..got]).await.is_err() {
            return;
        }
        if got == SMALL_BYTES && buffer.len() == SMALL_BYTES {
            buffer = vec![0u8; LARGE_BYTES];
        }
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nodelay(true)?; // accepted sockets inherit it
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "usage: tokio_echo PORT"))?;
    let listener = listen(port)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    }
}
