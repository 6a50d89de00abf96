//! A RESP client over a Unix socket that hands out replies as the bytes that came.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use redmoon::Value;

/// Longer than any reply of a test or a bench takes; what hangs longer is an error, not a wait.
const PATIENCE: Duration = Duration::from_secs(120);

/// One connection. Replies are found by their framing alone, so no shape of RESP2 or RESP3 is lost or changed.
pub(crate) struct Client {
    stream: UnixStream,
    /// What was received and not handed out yet starts at `start`.
    buffer: Vec<u8>,
    start: usize,
    outgoing: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(socket: &Path) -> std::io::Result<Client> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Client { stream, buffer: Vec::new(), start: 0, outgoing: Vec::new() })
    }

    /// Sends a command and returns the bytes of its whole reply.
    pub(crate) fn raw(&mut self, args: &[impl AsRef<[u8]>]) -> Vec<u8> {
        self.queue(args);
        self.flush();
        self.read_reply().to_vec()
    }

    /// Sends a command and returns its reply, errors included, as a value.
    pub(crate) fn value(&mut self, args: &[impl AsRef<[u8]>]) -> Value {
        decode(&self.raw(args))
    }

    /// Puts a command behind those that the next [`flush`](Client::flush) sends.
    pub(crate) fn queue(&mut self, args: &[impl AsRef<[u8]>]) {
        encode(args, &mut self.outgoing);
    }

    /// Sends what is queued.
    pub(crate) fn flush(&mut self) {
        self.stream.write_all(&self.outgoing).expect("redis-server takes a command");
        self.outgoing.clear();
    }

    /// Sends many commands at once, to be followed by [`read_many`](Client::read_many) with their number.
    pub(crate) fn send_many<C: AsRef<[A]>, A: AsRef<[u8]>>(&mut self, commands: &[C]) {
        for command in commands {
            self.queue(command.as_ref());
        }
        self.flush();
    }

    /// Sends bytes that are commands already, for a bench that does not want to measure its own encoder.
    pub(crate) fn send_encoded(&mut self, commands: &[u8]) {
        self.stream.write_all(commands).expect("redis-server takes a command");
    }

    /// The bytes of the next `count` replies.
    pub(crate) fn read_many(&mut self, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.read_reply().to_vec()).collect()
    }

    /// The bytes of the replies that have come so far, one after the other.
    pub(crate) fn come(&mut self) -> Vec<Vec<u8>> {
        const CHUNK: usize = 64 * 1024;
        self.stream.set_nonblocking(true).expect("a socket that does not wait");
        loop {
            let length = self.buffer.len();
            self.buffer.resize(length + CHUNK, 0);
            let received = self.stream.read(&mut self.buffer[length..]);
            self.buffer.truncate(length + received.as_ref().copied().unwrap_or(0));
            match received {
                Ok(0) => panic!("redis-server closed the connection"),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("redis-server does not answer: {error}"),
            }
        }
        self.stream.set_nonblocking(false).expect("a socket that waits");
        let mut replies = Vec::new();
        while self.start < self.buffer.len() {
            replies.push(self.read_reply().to_vec());
        }
        replies
    }

    /// Reads the next `count` replies away, none of which may be an error.
    pub(crate) fn discard_many(&mut self, count: usize) {
        for _ in 0..count {
            let reply = self.read_reply();
            assert!(reply[0] != b'-', "redis-server answers {}", reply.escape_ascii());
        }
    }

    /// The next reply, found without recursion: a script may nest thousands of arrays.
    fn read_reply(&mut self) -> &[u8] {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        let mut at = self.start;
        let mut left = 1u64;
        while left > 0 {
            left -= 1;
            let end = self.line_end(at);
            let kind = self.buffer[at];
            let count = |line: &[u8]| {
                let digits = std::str::from_utf8(&line[1..]).expect("a count in ASCII");
                digits.parse::<i64>().expect("a count")
            };
            let line = &self.buffer[at..end];
            let mut next = end + 2;
            match kind {
                b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {}
                b'$' | b'=' | b'!' => {
                    // A negative length is RESP2's nil and has no body.
                    if let Ok(length) = usize::try_from(count(line)) {
                        next += length + 2;
                        self.fill_to(next);
                    }
                }
                b'*' | b'~' | b'>' => left += u64::try_from(count(line)).unwrap_or(0),
                b'%' => left += 2 * u64::try_from(count(line)).unwrap_or(0),
                // An attribute stands before the reply that it describes.
                b'|' => left += 2 * u64::try_from(count(line)).unwrap_or(0) + 1,
                _ => panic!("not a RESP reply: {}", line.escape_ascii()),
            }
            at = next;
        }
        let reply = self.start..at;
        self.start = at;
        &self.buffer[reply]
    }

    /// Where the line that begins at `from` ends, without its CR LF.
    fn line_end(&mut self, from: usize) -> usize {
        let mut searched = from;
        loop {
            if let Some(found) = self.buffer[searched..].windows(2).position(|pair| pair == b"\r\n") {
                return searched + found;
            }
            // The CR may have come without its LF.
            searched = self.buffer.len().saturating_sub(1).max(from);
            self.fill();
        }
    }

    fn fill_to(&mut self, length: usize) {
        while self.buffer.len() < length {
            self.fill();
        }
    }

    fn fill(&mut self) {
        const CHUNK: usize = 64 * 1024;
        let length = self.buffer.len();
        self.buffer.resize(length + CHUNK, 0);
        let received = self.stream.read(&mut self.buffer[length..]).expect("redis-server answers in time");
        self.buffer.truncate(length + received);
        assert!(received > 0, "redis-server closed the connection");
    }
}

/// A command as a RESP array of bulk strings; written here again so that the oracle's side does not rest on the
/// encoder that it is to check.
pub(crate) fn encode(args: &[impl AsRef<[u8]>], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        let arg = arg.as_ref();
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

/// The one reply that these bytes are.
pub(crate) fn decode(reply: &[u8]) -> Value {
    let decoded = redmoon::resp::decode(reply).expect("a well-formed reply");
    let (value, length) = decoded.expect("a whole reply");
    assert_eq!(length, reply.len(), "one reply and nothing after it");
    value
}
