//! Payloads of FUNCTION RESTORE. Most have a right checksum: behind a wrong one nothing is read.

use redmoon::{Dialect, Engine, NONE, RestorePolicy, Store};

use super::mutate::mutated;
use super::{Bench, SLACK, Target, run};
use crate::support::Rng;

/// Version and checksum.
const FOOTER: usize = 10;

/// CRC-64 as Redis has it (Jones), a bit at a time, as the specification of the polynomial has it.
fn crc64(bytes: &[u8]) -> u64 {
    // 0xad93d23594c935a9 with its bits turned round.
    const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;
    bytes.iter().fold(0, |crc, &byte| {
        (0..8)
            .fold(crc ^ u64::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 })
    })
}

fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend_from_slice(&crc64(&bytes).to_le_bytes());
    bytes
}

const LIBRARIES: &[&[&str]] = &[
    &[],
    &["#!lua name=one\nredis.register_function('one',function() return 1 end)"],
    &[
        "#!lua name=a\nlocal n=0 redis.register_function('count',function() n=n+1 return n end)",
        "#!lua name=b\nredis.register_function{function_name='read',callback=function(k,a) return {k,a} end,flags={'no-writes'},description='x'}",
        "#!lua name=c\nlocal t={} local function f(x) t[x]=x return #t end redis.register_function('keep',function(k) return f(#k) end)\n\
         redis.register_function('other',function() return redis.call('GET','k') end)",
    ],
];

const WORDS: &[&[u8]] = &[
    b"\xf5",
    b"\xc3",
    b"\xc0\x7f",
    b"\xc1\xff\xff",
    b"\xc2\xff\xff\xff\x7f",
    b"\xc4",
    b"\x80\xff\xff\xff\xff",
    b"\x80\x00\x00\x00\x10",
    b"\x81\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x81\x00\x00\x00\x00\x00\x00\x00\x05",
    b"\x7f\xff",
    b"\x40\x00",
    b"#!lua name=",
    b"\n",
    b"\0",
    b"redis.register_function(",
    b"function() ",
    b"end ",
    b"while true do end ",
    b"\xe0\x00\x00",
    b"\xff\xff\xff",
];

struct Payloads {
    bench: Bench,
    /// Records with the version behind them, without a checksum.
    corpus: Vec<Vec<u8>>,
    restored: u64,
    called: u64,
    base: i64,
    taken: u64,
}

impl Payloads {
    fn new() -> Payloads {
        let mut corpus = Vec::new();
        for libraries in LIBRARIES {
            let engine = Engine::new(Store::new());
            for library in *libraries {
                engine.function_load(library).expect("a good library");
            }
            let payload = engine.function_dump();
            assert_eq!(
                seal(payload[..payload.len() - 8].to_vec()),
                payload,
                "the checksum is reckoned right"
            );
            corpus.push(payload[..payload.len() - 8].to_vec());
        }
        // What a real server compresses: 24 letters, and then the last of them twenty times over.
        let code = b"#!lua name=packed\nredis.register_function('p',function() return '".as_slice();
        let mut packed = Vec::new();
        for part in code.chunks(32) {
            packed.push(part.len() as u8 - 1);
            packed.extend_from_slice(part);
        }
        packed.extend_from_slice(&[0, b'x', 0xe0, 11, 0]);
        let tail = b"' end)";
        packed.push(tail.len() as u8 - 1);
        packed.extend_from_slice(tail);
        let whole = code.len() + 1 + 20 + tail.len();
        let mut record = vec![0xf5, 0xc3, 0x40 | (packed.len() >> 8) as u8, packed.len() as u8];
        record.extend_from_slice(&[0x40 | (whole >> 8) as u8, whole as u8]);
        record.extend_from_slice(&packed);
        record.extend_from_slice(&[10, 0]);
        let engine = Engine::new(Store::new());
        engine.function_restore(seal(record.clone()), RestorePolicy::Append).expect("it is well formed");
        assert_eq!(engine.fcall("p", NONE, NONE).unwrap(), redmoon::Value::from("x".repeat(21).as_str()));
        corpus.push(record);
        Payloads { bench: Bench::new(Dialect::Any), corpus, restored: 0, called: 0, base: 0, taken: 0 }
    }
}

impl Target for Payloads {
    fn make(&mut self, rng: &mut Rng) -> Vec<Vec<u8>> {
        let mut bytes = mutated(rng, &self.corpus, WORDS);
        // A version that is read, most times.
        if bytes.len() >= 2 && !rng.one_in(8) {
            let end = bytes.len();
            bytes[end - 2..].copy_from_slice(&[10 + rng.below(3) as u8, 0]);
        }
        let payload = if rng.one_in(16) { mutated(rng, &[seal(bytes)], &[]) } else { seal(bytes) };
        vec![payload, vec![rng.below(3) as u8]]
    }

    fn take(&mut self, input: &[Vec<u8>]) {
        let engine = self.bench.engine.clone();
        let policy =
            [RestorePolicy::Append, RestorePolicy::Replace, RestorePolicy::Flush][usize::from(input[1][0])];
        engine
            .function_load("#!lua name=a\nredis.register_function('before',function() return 1 end)")
            .expect("a good library");
        let before = engine.function_list();
        match engine.function_restore(&input[0], policy) {
            Ok(()) => {
                self.restored += 1;
                assert!(input[0].len() >= FOOTER);
                for library in engine.function_list() {
                    for function in library.functions {
                        self.called += u64::from(engine.fcall(&function.name, &["k"], &["1"]).is_ok());
                    }
                }
                let other = Engine::new(Store::new());
                if let Err(error) = other.function_restore(engine.function_dump(), RestorePolicy::Append) {
                    // Of what takes nearly as long as it may.
                    let line = error.to_string();
                    assert!(line.ends_with("ERR FUNCTION LOAD timeout"), "what is dumped is read: {line}");
                }
            }
            Err(_) => assert_eq!(engine.function_list(), before, "all or nothing"),
        }
        engine.function_flush();
        self.bench.check();
        self.taken += 1;
        if self.taken.is_multiple_of(16) {
            let memory = self.bench.memory();
            if self.base == 0 {
                self.base = memory;
            }
            assert!(memory < self.base + SLACK, "Lua holds {memory} bytes, at first {}", self.base);
        }
    }

    fn figures(&self) -> String {
        format!("{} were restored, {} calls went well", self.restored, self.called)
    }
}

#[test]
fn function_restore_takes_any_payload() {
    run("restore", &mut Payloads::new());
}
