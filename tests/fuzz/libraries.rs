//! Input of `cjson`, `cmsgpack`, `struct` and `bit`: it comes as arguments of scripts that stay the same, so that Lua
//! holds no more after the last input than after the first.

use redmoon::{Dialect, Value};

use super::mutate::{mutated, number};
use super::{Bench, SLACK, Target, run, told};
use crate::support::Rng;

/// A script for the inputs of one library, and how an input is made.
struct Library {
    bench: Bench,
    script: &'static str,
    make: fn(&mut Rng) -> Vec<Vec<u8>>,
    base: i64,
    through: u64,
    failed: u64,
}

impl Library {
    fn new(script: &'static str, make: fn(&mut Rng) -> Vec<Vec<u8>>) -> Library {
        Library { bench: Bench::new(Dialect::Any), script, make, base: 0, through: 0, failed: 0 }
    }
}

impl Target for Library {
    fn make(&mut self, rng: &mut Rng) -> Vec<Vec<u8>> {
        (self.make)(rng)
    }

    fn take(&mut self, input: &[Vec<u8>]) {
        let keys: [&str; 0] = [];
        match self.bench.engine.eval(self.script, &keys, input) {
            // The script catches errors of the library; what ends it is a limit, and the first result says which.
            Ok(Value::Array(parts)) if parts.first() == Some(&Value::Integer(1)) => self.through += 1,
            Ok(_) => self.failed += 1,
            Err(error) => {
                self.failed += 1;
                let line = error.to_string();
                let is_limit = line.starts_with("BUSY Script exceeded time limit")
                    || line.starts_with("ERR script output too large")
                    || line.contains("not enough memory");
                assert!(is_limit, "{line}: {}", told(input));
            }
        }
        self.bench.check();
        let memory = self.bench.memory();
        if self.base == 0 {
            self.base = memory;
        }
        assert!(memory < self.base + SLACK, "Lua holds {memory} bytes, at first {}", self.base);
    }

    fn figures(&self) -> String {
        format!("{} went through, {} failed", self.through, self.failed)
    }
}

/// Settings go back to their defaults at the end, since they outlive the script.
const CJSON: &str = "
local text,settings,depth=ARGV[1],ARGV[2],tonumber(ARGV[3])
local place=depth==depth and depth or 1
local function set(name,...) pcall(cjson[name],...) end
if settings:find('d') then set('decode_max_depth',depth) end
if settings:find('e') then set('encode_max_depth',depth) end
if settings:find('s') then set('encode_sparse_array',true,depth,depth) end
if settings:find('n') then set('encode_invalid_numbers','null') end
if settings:find('i') then set('encode_invalid_numbers',true) end
if settings:find('v') then set('decode_invalid_numbers',false) end
if settings:find('k') then set('encode_keep_buffer',false) end
if settings:find('p') then set('encode_number_precision',depth) end
local ok,value=pcall(cjson.decode,text)
local again,encoded
if ok then
  again,encoded=pcall(cjson.encode,value)
  if again then pcall(cjson.decode,encoded) end
  pcall(cjson.encode,{value,value,[place]=value,[text]=value})
end
cjson.decode_max_depth(1000) cjson.encode_max_depth(1000) cjson.encode_sparse_array(false,2,10)
cjson.encode_invalid_numbers(false) cjson.decode_invalid_numbers(true) cjson.encode_keep_buffer(true)
cjson.encode_number_precision(14)
return {ok and 1 or 0,again and encoded or tostring(value)}";

const JSON: &[&str] = &[
    "{}",
    "[]",
    "null",
    "true",
    "[1,2.5,-3e10,0x10,NaN,-Infinity,1e999]",
    r#"{"a":1,"b":[true,false,null],"c":{"d":"e"},"":"","1":2}"#,
    r#""text \" \\ \/ \b \f \n \r \t \u0041 \u00e9 \u20ac \ud83d\ude00 \u0000""#,
    r#"[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]"#,
    r#"{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}}"#,
    " \t\r\n[ 1 , \"x\" : , 2 ] ",
    "[\"\u{7f}\u{80}\u{e9}\u{10ffff}\",\"\\ud800\",\"\\udc00\\ud800\"]",
    "123456789012345678901234567890.123456789e-5",
];
const JSON_WORDS: &[&[u8]] = &[
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"\"",
    b"\\u",
    b"\\ud800",
    b"\\udc00",
    b"null",
    b"true",
    b"nan",
    b"inf",
    b"1e",
    b"-",
    b"+1",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
];

fn json(rng: &mut Rng) -> Vec<Vec<u8>> {
    let corpus: Vec<Vec<u8>> = JSON.iter().map(|text| text.as_bytes().to_vec()).collect();
    let text = if rng.one_in(50) { b"[".repeat(rng.below(3000)) } else { mutated(rng, &corpus, JSON_WORDS) };
    let settings = b"desnivkp".iter().copied().filter(|_| rng.one_in(4)).collect();
    vec![text, settings, number(rng)]
}

const CMSGPACK: &str = "
local bytes,limit,offset=ARGV[1],tonumber(ARGV[2]),tonumber(ARGV[3])
local place=limit==limit and limit or 1
local function again(ok,...)
  if ok and select('#',...)>0 and select('#',...)<100 then
    local packed,text=pcall(cmsgpack.pack,...)
    if packed then pcall(cmsgpack.unpack,text) end
  end
  return ok,(...)
end
local ok,value=again(pcall(cmsgpack.unpack,bytes))
again(pcall(cmsgpack.unpack_one,bytes))
again(pcall(cmsgpack.unpack_one,bytes,offset))
again(pcall(cmsgpack.unpack_limit,bytes,limit))
again(pcall(cmsgpack.unpack_limit,bytes,limit,offset))
pcall(cmsgpack.pack,bytes,limit,offset,{bytes,[place]=offset})
return {ok and 1 or 0,value}";

const PACKED: &[&[u8]] = &[
    b"\x00\x7f\xe0\xff\xc0\xc2\xc3",
    b"\xcc\x80\xcd\x01\x00\xce\x00\x01\x00\x00\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xd0\xdf\xd1\xff\x7f\xd2\x80\x00\x00\x00\xd3\x80\x00\x00\x00\x00\x00\x00\x00",
    b"\xca\x3f\x00\x00\x00\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a",
    b"\xa5hello\xd9\x05hello\xda\x00\x05hello\xdb\x00\x00\x00\x05hello",
    b"\x93\x01\xa1x\xc3\xdc\x00\x02\x01\x02\xdd\x00\x00\x00\x01\xc0",
    b"\x82\xa1a\x01\xa1b\x92\x01\x02\xde\x00\x01\x01\x02\xdf\x00\x00\x00\x01\xc0\x01",
    b"\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01",
    b"\xc4\x01x\xc7\x01\x02x\xd4\x01x\xc1",
];
const PACKED_WORDS: &[&[u8]] = &[
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xdc\xff\xff",
    b"\x81\xc0",
    b"\x81\xca\x7f\xc0\x00\x00",
    b"\x91",
    b"\x81\x01",
    b"\xcf\x80\x00\x00\x00\x00\x00\x00\x00",
];

fn packed(rng: &mut Rng) -> Vec<Vec<u8>> {
    let corpus: Vec<Vec<u8>> = PACKED.iter().map(|bytes| bytes.to_vec()).collect();
    let bytes = match rng.below(60) {
        0 => b"\x91".repeat(rng.below(4000)),
        1 => b"\xc0".repeat(rng.below(9000)),
        _ => mutated(rng, &corpus, PACKED_WORDS),
    };
    vec![bytes, number(rng), number(rng)]
}

const STRUCT: &str = "
local format,bytes,at,n=ARGV[1],ARGV[2],tonumber(ARGV[3]),tonumber(ARGV[4])
local function all(ok,...) return ok,select('#',...),(...) end
local ok,count,value=all(pcall(struct.unpack,format,bytes))
all(pcall(struct.unpack,format,bytes,at))
local packed,text=pcall(struct.pack,format,n,bytes,at,n,at,bytes,bytes,n)
if packed then pcall(struct.unpack,format,text) end
pcall(struct.pack,format,at,at,at,n,n,n,n) pcall(struct.pack,format,bytes,bytes,bytes) pcall(struct.pack,format,n,text,text)
local sized,size=pcall(struct.size,format)
return {ok and 1 or 0,count,value,size}";

const FORMATS: &[&str] = &[
    "bBhHlLTiI",
    ">i1<i2!4i8I16",
    "c0",
    "i4c0",
    "Bc0s",
    "s",
    "fd>f>d",
    "xxBxx",
    "!8bi8!2hl",
    "c10c1c",
    "i32I32",
    "> i 4 < s",
    "!",
    "i0c",
    "bc0bc0",
];
const FORMAT_WORDS: &[&[u8]] = &[
    b"i33",
    b"i0",
    b"c0",
    b"c2147483647",
    b"c4294967296",
    b"i99999999999999999999",
    b"!16",
    b"!3",
    b"!0",
    b"!2147483648",
    b"s",
    b">",
    b"<",
    b" ",
    b"x",
    b"\0",
];

fn structs(rng: &mut Rng) -> Vec<Vec<u8>> {
    let corpus: Vec<Vec<u8>> = FORMATS.iter().map(|format| format.as_bytes().to_vec()).collect();
    let format = mutated(rng, &corpus, FORMAT_WORDS);
    let bytes: Vec<u8> =
        (0..rng.below(64)).map(|_| if rng.one_in(3) { 0 } else { rng.next() as u8 }).collect();
    vec![format, bytes, number(rng), number(rng)]
}

/// Arguments are given as text and as numbers.
const BIT: &str = "
local function call(name,...)
  local ok,value=pcall(bit[name],...)
  if ok and name~='tohex' and (type(value)~='number' or value~=math.floor(value) or value<-2^31 or value>=2^31) then
    return redis.error_reply(name..' gave '..tostring(value))
  end
  return ok,value
end
local numbers={} for i,text in ipairs(ARGV) do numbers[i]=tonumber(text) or text end
local through=0
for _,name in ipairs({'arshift','band','bnot','bor','bswap','bxor','lshift','rol','ror','rshift','tobit','tohex'}) do
  for _,list in ipairs({ARGV,numbers}) do
    for count=0,3 do
      local ok=call(name,unpack(list,1,count))
      if type(ok)=='table' then return ok end
      if ok then through=through+1 end
    end
  end
end
pcall(bit.band,unpack(numbers))
return {through>30 and 1 or 0,through}";

fn bits(rng: &mut Rng) -> Vec<Vec<u8>> {
    let corpus: Vec<Vec<u8>> = (0..4).map(|_| number(rng)).collect();
    (0..3 + rng.below(4))
        .map(|_| if rng.one_in(4) { mutated(rng, &corpus, &[b"0x", b"e", b".", b" "]) } else { number(rng) })
        .collect()
}

#[test]
fn cjson_takes_any_text() {
    run("cjson", &mut Library::new(CJSON, json));
}

#[test]
fn cmsgpack_takes_any_bytes() {
    run("cmsgpack", &mut Library::new(CMSGPACK, packed));
}

#[test]
fn struct_takes_any_format_and_bytes() {
    run("struct", &mut Library::new(STRUCT, structs));
}

#[test]
fn bit_takes_any_numbers() {
    run("bit", &mut Library::new(BIT, bits));
}
