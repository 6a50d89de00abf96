//! [`serve`]: one conversation over a program's own stream.

use std::io::{self, Read, Write};

use super::{decode_command, encode_result};
use crate::session::Session;

/// How much is read at once, and how much of replies may wait while further requests are at hand.
const CHUNK: usize = 16 * 1024;

/// Runs one conversation: reads requests until the reader ends, and writes a reply to each, in their order. Requests
/// that came together are answered together.
///
/// After a request that breaks the protocol its error is written and the conversation ends, as a server would hang
/// up.
///
/// # Errors
///
/// What the reader or the writer answers.
///
/// # Examples
///
/// ```
/// use redmoon::{Engine, Store, resp};
///
/// let session = Engine::new(Store::new()).session();
/// let requests = b"SET greeting hello\r\n*2\r\n$3\r\nGET\r\n$8\r\ngreeting\r\n";
/// let mut replies = Vec::new();
/// resp::serve(session, requests.as_slice(), &mut replies)?;
/// assert_eq!(replies, b"+OK\r\n$5\r\nhello\r\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn serve(mut session: Session, mut reader: impl Read, mut writer: impl Write) -> io::Result<()> {
    let mut input = Vec::new();
    let mut chunk = vec![0; CHUNK];
    let mut replies = Vec::new();
    loop {
        let mut used = 0;
        loop {
            match decode_command(&input[used..]) {
                Ok(Some((args, length))) => {
                    used += length;
                    if !args.is_empty() {
                        encode_reply(&mut session, &args, &mut replies);
                    }
                    if replies.len() >= CHUNK {
                        writer.write_all(&replies)?;
                        replies.clear();
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    encode_result(&Err(error), session.protocol(), &mut replies);
                    writer.write_all(&replies)?;
                    return writer.flush();
                }
            }
        }
        input.drain(..used);
        if !replies.is_empty() {
            writer.write_all(&replies)?;
            writer.flush()?;
            replies.clear();
        }
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(read) => input.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The reply is in the protocol that holds after the command: HELLO answers in the one that it chose.
fn encode_reply<A: AsRef<[u8]>>(session: &mut Session, args: &[A], replies: &mut Vec<u8>) {
    let result = session.execute(args);
    encode_result(&result, session.protocol(), replies);
}
