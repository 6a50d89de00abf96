//! [`Peer`], a client at one end of a stream with `serve` at the other, over each kind of stream.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;

use redmoon::resp::{self, PipeEnd};
use redmoon::{Engine, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// Longer than a reply ever takes; what takes longer is missing.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a client and `serve` are connected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// The crate's own pipe, `serve` on a thread.
    Pipe,
    /// A pair of Unix sockets, `serve` on a thread.
    Socket,
    /// Tokio's pipe, `serve_async` on a runtime of one thread.
    Async,
}

pub(super) const KINDS: [Kind; 3] = [Kind::Pipe, Kind::Socket, Kind::Async];

/// Runs a scenario over each kind of stream.
pub(super) fn over_each(scenario: impl Fn(Kind)) {
    for kind in KINDS {
        println!("over {kind:?}");
        scenario(kind);
    }
}

enum Stream {
    Pipe(PipeEnd),
    Socket(UnixStream),
    Async(DuplexStream, tokio::runtime::Runtime),
}

pub(super) struct Peer {
    /// `None` when the client has hung up.
    stream: Option<Stream>,
    conversation: Option<JoinHandle<io::Result<()>>>,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

impl Peer {
    pub(super) fn new(kind: Kind, engine: &Engine) -> Peer {
        Peer::of(kind, engine.session())
    }

    pub(super) fn of(kind: Kind, session: Session) -> Peer {
        let (stream, conversation) = match kind {
            Kind::Pipe => {
                let (mut client, server) = resp::pipe();
                client.set_read_timeout(Some(PATIENCE));
                let closer = server.closer();
                session.on_close(move || closer.close());
                let (reader, writer) = server.split();
                (Stream::Pipe(client), std::thread::spawn(move || resp::serve(session, reader, writer)))
            }
            Kind::Socket => {
                let (client, server) = UnixStream::pair().unwrap();
                client.set_read_timeout(Some(PATIENCE)).unwrap();
                let closer = server.try_clone().unwrap();
                session.on_close(move || drop(closer.shutdown(Shutdown::Both)));
                let serve = move || {
                    let result = resp::serve(session, &server, &server);
                    drop(server.shutdown(Shutdown::Both));
                    result
                };
                (Stream::Socket(client), std::thread::spawn(serve))
            }
            Kind::Async => {
                let (client, server) = tokio::io::duplex(64 * 1024);
                let serve = move || {
                    runtime().block_on(async {
                        let (reader, writer) = tokio::io::split(server);
                        // On a task, as a program would have it: so the future must be `Send`.
                        tokio::spawn(resp::serve_async(session, reader, writer)).await.unwrap()
                    })
                };
                (Stream::Async(client, runtime()), std::thread::spawn(serve))
            }
        };
        Peer { stream: Some(stream), conversation: Some(conversation) }
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).unwrap();
    }

    pub(super) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        match self.stream.as_mut().unwrap() {
            Stream::Pipe(pipe) => pipe.write_all(bytes.as_ref()),
            Stream::Socket(socket) => socket.write_all(bytes.as_ref()),
            Stream::Async(duplex, runtime) => runtime.block_on(duplex.write_all(bytes.as_ref())),
        }
    }

    /// What comes next, 0 bytes at the end of the stream.
    fn read(&mut self, into: &mut [u8]) -> usize {
        let read = match self.stream.as_mut().unwrap() {
            Stream::Pipe(pipe) => pipe.read(into),
            Stream::Socket(socket) => socket.read(into),
            Stream::Async(duplex, runtime) => {
                runtime.block_on(async { tokio::time::timeout(PATIENCE, duplex.read(into)).await.unwrap() })
            }
        };
        match read {
            Ok(read) => read,
            // A socket that was closed while it held requests.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("no reply: {error}"),
        }
    }

    /// The next `length` bytes; fewer when the stream ends.
    pub(super) fn receive(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.read(&mut bytes[filled..]) {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        bytes
    }

    /// The next line, without its end.
    pub(super) fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let byte = self.receive(1);
            assert_eq!(byte.len(), 1, "the stream ends behind {}", line.escape_ascii());
            line.extend(byte);
        }
        String::from_utf8_lossy(&line[..line.len() - 2]).into_owned()
    }

    /// The next bytes are these.
    #[track_caller]
    pub(super) fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let received = self.receive(bytes.len());
        assert_eq!(crate::support::show(&received), crate::support::show(bytes));
        assert!(received == bytes);
    }

    /// Sends a request and gets this reply.
    #[track_caller]
    pub(super) fn ask(&mut self, request: &str, reply: impl AsRef<[u8]>) {
        self.send(format!("{request}\r\n"));
        self.expect(reply);
    }

    /// `serve` has hung up, and said nothing more.
    #[track_caller]
    pub(super) fn expect_end(&mut self) {
        let mut bytes = [0; 100];
        let read = self.read(&mut bytes);
        assert_eq!(bytes[..read].escape_ascii().to_string(), "");
    }

    /// The client is gone.
    pub(super) fn hang_up(&mut self) {
        self.stream = None;
    }

    /// What `serve` returned; it has to return soon.
    pub(super) fn result(&mut self) -> io::Result<()> {
        let conversation = self.conversation.take().unwrap();
        for _ in 0..2_000 {
            if conversation.is_finished() {
                return conversation.join().unwrap();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("serve does not return");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.hang_up();
        if let Some(conversation) = self.conversation.take()
            && !std::thread::panicking()
        {
            let _ = conversation.join().unwrap();
        }
    }
}
