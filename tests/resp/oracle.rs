//! The same bytes, sent to a real server and to `serve`, get the same bytes back.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use proptest::test_runner::{Config, TestRunner};
use redmoon::resp::serve;
use redmoon::{Engine, Store};

use super::decoder::input;
use crate::support::{Oracle, number_from_env};

/// Everything that a server answers to these bytes and nothing more.
fn ask(oracle: &Oracle, input: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(oracle.socket()).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    // A server that has hung up already does not take the rest.
    let _ = stream.write_all(input);
    let _ = stream.shutdown(Shutdown::Write);
    let mut replies = Vec::new();
    match stream.read_to_end(&mut replies) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("redis-server does not answer {}: {error}", input.escape_ascii()),
    }
    replies
}

fn answer(engine: &Engine, input: &[u8]) -> Vec<u8> {
    let mut replies = Vec::new();
    serve(engine.session(), input, &mut replies).unwrap();
    replies
}

fn shown(bytes: &[u8]) -> String {
    crate::support::show(bytes)
}

#[test]
fn random_requests_get_the_bytes_of_a_real_server() {
    let Some(oracle) = Oracle::start() else { return };
    let cases = number_from_env("REDMOON_RESP_CASES", 3_000) as u32;
    let engine = Engine::new(Store::new());
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(&input(), |input| {
        let (theirs, ours) = (ask(&oracle, &input), answer(&engine, &input));
        proptest::prop_assert_eq!(shown(&ours), shown(&theirs), "{}", input.escape_ascii());
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn who_has_not_given_the_password_may_send_little() {
    let Some(oracle) = Oracle::start() else { return };
    let engine = Engine::new(Store::new());
    let set = b"CONFIG SET requirepass secret\r\n";
    assert_eq!(
        (shown(&answer(&engine, set)), shown(&ask(&oracle, set))),
        ("+OK\\r\\n".into(), "+OK\\r\\n".into())
    );
    let inputs: [&[u8]; 9] = [
        b"PING\r\nPING\r\n",
        b"*11\r\n",
        b"*10\r\n",
        b"*11x\r\n",
        b"*1\r\n$16385\r\n",
        b"*1\r\n$16384\r\n",
        b"*1\r\n$536870913\r\n",
        b"AUTH secret\r\nPING\r\n*11\r\n$20000\r\n",
        b"AUTH wrong\r\n*11\r\n",
    ];
    for input in inputs {
        assert_eq!(shown(&answer(&engine, input)), shown(&ask(&oracle, input)), "{}", input.escape_ascii());
    }
}

#[test]
fn the_longest_argument_and_the_most_clients_can_be_set() {
    let Some(oracle) = Oracle::start() else { return };
    let engine = Engine::new(Store::new());
    let both = |input: &[u8]| {
        assert_eq!(shown(&answer(&engine, input)), shown(&ask(&oracle, input)), "{}", input.escape_ascii());
    };
    both(b"CONFIG SET proto-max-bulk-len 2000000\r\n*1\r\n$2000001\r\n");
    both(b"*1\r\n$2000000\r\n");
    both(b"CONFIG SET maxclients 1\r\n");
    let (_ours, theirs) = (engine.session(), UnixStream::connect(oracle.socket()).unwrap());
    // Both hang up at once, so nothing is sent that a close could cut off.
    both(b"");
    drop(theirs);
}

#[test]
fn limits_and_errors_are_those_of_a_real_server() {
    let Some(oracle) = Oracle::start() else { return };
    let engine = Engine::new(Store::new());
    let long = |head: &str, length: usize, end: &str| {
        [head.as_bytes(), &vec![b'1'; length], end.as_bytes()].concat()
    };
    let mut inputs: Vec<Vec<u8>> = [
        &b"*2147483647\r\n"[..],
        b"*2147483648\r\n",
        b"*9223372036854775808\r\n",
        b"*-9223372036854775808\r\nPING\r\n",
        b"*-9223372036854775809\r\nPING\r\n",
        b"*1\r\n$536870912\r\n",
        b"*1\r\n$536870913\r\n",
        b"*1\r\n$4294967300\r\nPING\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$ 4\r\nPING\r\n",
        b"*1\r\n$+4\r\nPING\r\n",
        b"* 1\r\n$4\r\nPING\r\n",
        b"*1 \r\n$4\r\nPING\r\n",
        b"*-0\r\nPING\r\n",
        b"*00\r\nPING\r\n",
        b"*0\r\n\r\n*-1\r\n \r\nPING\r\n",
        b"*1\r\n$-0\r\n",
        b"*1\r\n$00\r\n\r\n",
        b"*1\r\n$0\r\n\r\nPING\r\n",
        b"*1\r\n\r\nPING\r\n",
        b"*1\r\n\0\r\nPING\r\n",
        b"*1\r\n\xff\r\nPING\r\n",
        b"*1\r\n$4\0\r\nPING\r\n",
        b"*1\0\r\nPING\r\n",
        b"\0PING\r\nPING\r\n",
        b"PING\0\r\nPING\r\n",
        b"PING \"\\x00\"\r\n",
        b"*1\r\n$7\r\nPI\0NG\r\n\r\nPING\r\n",
        b"PING \"a\"b\r\n",
        b"PING 'a\r\n",
        b"PING \"a\\\r\n",
        b"PING '\\'' \"\\\"\"\r\n",
        b"PING ''\r\nPING \"\"\r\n",
        b"\"PING\" '\\x41'\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\r\nHOST: a\r\nPING\r\n",
        b"*1\r\n$5\r\nhost:\r\nPING\r\n",
        b"PING\r\nQUIT\r\nPING\r\n",
        b"PING\r\n*1\r\nPING\r\nPING\r\n",
        b"MULTI\r\nPING\r\n*x\r\n",
        b"CLIENT REPLY SKIP\r\nPING\r\nPING\r\n",
        b"CLIENT REPLY SKIP\r\n\r\nPING\r\n",
        b"CLIENT REPLY SKIP\r\n*0\r\nPING\r\n",
        b"CLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY ON\r\nPING\r\n",
        b"SUBSCRIBE c\r\nPING\r\nGET k\r\nQUIT\r\n",
        b"HELLO 3 SETNAME me\r\nSUBSCRIBE c d\r\nPUBLISH c 1\r\nPING\r\nUNSUBSCRIBE c d\r\nGET none\r\n",
    ]
    .iter()
    .map(|input| input.to_vec())
    .collect();
    inputs.extend([
        long("*", 65_535, ""),
        long("*", 70_000, ""),
        long("*1\r\n$", 65_535, ""),
        long("*1\r\n$", 70_000, ""),
        long("PING ", 65_531, "\n"),
        long("PING ", 90_000, ""),
        long("*2\r\n$4\r\nECHO\r\n$100000\r\n", 100_000, "\r\nPING\r\n"),
        b"*1\r\n$4\r\nPING\r\n".repeat(10_000),
    ]);
    let mut different = Vec::new();
    for input in inputs {
        let (theirs, ours) = (ask(&oracle, &input), answer(&engine, &input));
        // A HELLO tells the number of the connection.
        let same = if input.starts_with(b"HELLO") {
            let after = |replies: &[u8]| {
                let text = String::from_utf8_lossy(replies).into_owned();
                text.split_once("mode").map(|(_, after)| after.to_owned())
            };
            after(&theirs) == after(&ours)
        } else {
            theirs == ours
        };
        if !same {
            different.push(format!(
                "{}\n  redis   {}\n  redmoon {}",
                shown(&input),
                shown(&theirs),
                shown(&ours)
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
