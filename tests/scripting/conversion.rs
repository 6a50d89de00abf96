//! What a script's return value becomes, byte for byte, in RESP2 and RESP3. The expectations are SCRIPTING.md's, 3.3
//! to 3.6, and a real server is asked whether it agrees.

use std::time::Duration;

use redmoon::{Engine, NumberFormat, Store};

use super::{reply_of, sha, within};
use crate::support::{Oracle, show};

const PATIENCE: Duration = Duration::from_secs(120);
const NIL: [&str; 2] = ["$-1\r\n", "_\r\n"];
const LEAST: [&str; 2] = [":-9223372036854775808\r\n"; 2];

/// A script and its reply in RESP2 and RESP3.
type Case = (&'static str, [&'static str; 2]);

const CASES: &[Case] = &[
    // Numbers, 3.3.
    ("return 1.9", [":1\r\n"; 2]),
    ("return -1.9", [":-1\r\n"; 2]),
    ("return -0.5", [":0\r\n"; 2]),
    ("return 3.999999999999999999", [":4\r\n"; 2]),
    ("return 2^62", [":4611686018427387904\r\n"; 2]),
    ("return 1e18", [":1000000000000000000\r\n"; 2]),
    ("return 2^53+1", [":9007199254740992\r\n"; 2]),
    ("return 2^63", LEAST),
    ("return -2^63", LEAST),
    ("return 1e300", LEAST),
    ("return -1e300", LEAST),
    ("return 1/0", LEAST),
    ("return -1/0", LEAST),
    ("return 0/0", LEAST),
    ("return 9223372036854774784", [":9223372036854774784\r\n"; 2]),
    // Strings, booleans, nothing.
    ("return ''", ["$0\r\n\r\n"; 2]),
    ("return 'a\\0b\\r\\n'", ["$5\r\na\0b\r\n\r\n"; 2]),
    ("return true", [":1\r\n"; 2]),
    ("return false", NIL),
    ("return nil", NIL),
    ("return", NIL),
    ("", NIL),
    ("return type", NIL),
    ("return coroutine.create(function() end)", NIL),
    ("return 1,2,3", [":1\r\n"; 2]),
    ("return {true,false,'x'}", ["*3\r\n:1\r\n$-1\r\n$1\r\nx\r\n", "*3\r\n:1\r\n_\r\n$1\r\nx\r\n"]),
    ("redis.setresp(3) return true", [":1\r\n", "#t\r\n"]),
    ("redis.setresp(3) return false", [":0\r\n", "#f\r\n"]),
    ("redis.setresp(3) return {true,false}", ["*2\r\n:1\r\n:0\r\n", "*2\r\n#t\r\n#f\r\n"]),
    ("redis.setresp(3) return nil", NIL),
    ("redis.setresp(3) redis.setresp(2) return false", NIL),
    // Tables.
    ("return {}", ["*0\r\n"; 2]),
    ("return {1,nil,3}", ["*1\r\n:1\r\n"; 2]),
    ("return {nil,2}", ["*0\r\n"; 2]),
    ("return {[0]=0,1}", ["*1\r\n:1\r\n"; 2]),
    ("return {1,2,x=3}", ["*2\r\n:1\r\n:2\r\n"; 2]),
    ("return {[1.5]='a',[1]='b'}", ["*1\r\n$1\r\nb\r\n"; 2]),
    ("return {1,{2,{3,'x'}},1.9}", ["*3\r\n:1\r\n*2\r\n:2\r\n*2\r\n:3\r\n$1\r\nx\r\n:1\r\n"; 2]),
    ("return {1,type,2}", ["*3\r\n:1\r\n$-1\r\n:2\r\n", "*3\r\n:1\r\n_\r\n:2\r\n"]),
    ("return _G", ["*0\r\n"; 2]),
    ("return redis", ["*0\r\n"; 2]),
    ("return setmetatable({},{__index=function() return 1 end})", ["*0\r\n"; 2]),
    ("return setmetatable({},{__index={ok='x'}})", ["*0\r\n"; 2]),
    ("return setmetatable({7},{__len=function() return 5 end})", ["*1\r\n:7\r\n"; 2]),
    // The order of the fields, and fields of a wrong type.
    ("return {err='e',ok='o',double=1.5}", ["-e\r\n"; 2]),
    ("return {ok='o',double=1.5,1,2}", ["+o\r\n"; 2]),
    ("return {double=1.5,big_number='1'}", ["$3\r\n1.5\r\n", ",1.5\r\n"]),
    ("return {big_number='1',verbatim_string={format='txt',string='x'}}", ["$1\r\n1\r\n", "(1\r\n"]),
    ("return {verbatim_string={format='txt',string='x'},map={}}", ["$1\r\nx\r\n", "=5\r\ntxt:x\r\n"]),
    ("return {map={},set={},1}", ["*0\r\n", "%0\r\n"]),
    ("return {set={},1}", ["*0\r\n", "~0\r\n"]),
    ("return {err=5}", ["*0\r\n"; 2]),
    ("return {ok=5,1,2}", ["*2\r\n:1\r\n:2\r\n"; 2]),
    ("return {err=true,1,2}", ["*2\r\n:1\r\n:2\r\n"; 2]),
    ("return {err={},ok='fine'}", ["+fine\r\n"; 2]),
    ("return {double='x',7}", ["*1\r\n:7\r\n"; 2]),
    ("return {big_number={},7}", ["*1\r\n:7\r\n"; 2]),
    ("return {verbatim_string={format='txt'},7}", ["*1\r\n:7\r\n"; 2]),
    ("return {verbatim_string='x',7}", ["*1\r\n:7\r\n"; 2]),
    ("return {map='x',7}", ["*1\r\n:7\r\n"; 2]),
    ("return {set=1,7}", ["*1\r\n:7\r\n"; 2]),
    // Error and status lines, 3.4.
    ("return {err='x'}", ["-x\r\n"; 2]),
    ("return {err='-x'}", ["--x\r\n"; 2]),
    ("return {err=''}", ["-\r\n"; 2]),
    ("return {err='a\\nb\\n'}", ["-a b\r\n"; 2]),
    ("return {err='a\\r\\nb\\r\\n'}", ["-a  b\r\n"; 2]),
    ("return {err='a\\0b'}", ["-a\r\n"; 2]),
    ("return {ok='a\\r\\nb'}", ["+a  b\r\n"; 2]),
    ("return {ok=''}", ["+\r\n"; 2]),
    ("return {ok='a\\0b'}", ["+a\r\n"; 2]),
    ("return {1,{err='deep'}}", ["*2\r\n:1\r\n-deep\r\n"; 2]),
    ("return {{ok='fine'},{{err='deep er'}},{err=''}}", ["*3\r\n+fine\r\n*1\r\n-deep er\r\n-\r\n"; 2]),
    (
        "return {redis.pcall('NOSUCH'),redis.error_reply('My Err'),redis.status_reply('s')}",
        ["*3\r\n-ERR Unknown Redis command called from script\r\n-My Err\r\n+s\r\n"; 2],
    ),
    ("return redis.error_reply('x')", ["-ERR x\r\n"; 2]),
    ("return redis.error_reply('a b\\0c')", ["-a b\r\n"; 2]),
    // RESP3's types, 3.5.
    ("return {double=1.5}", ["$3\r\n1.5\r\n", ",1.5\r\n"]),
    ("return {double=3}", ["$1\r\n3\r\n", ",3\r\n"]),
    ("return {double=-0.25}", ["$5\r\n-0.25\r\n", ",-0.25\r\n"]),
    ("return {double=1/0}", ["$3\r\ninf\r\n", ",inf\r\n"]),
    ("return {double=-1/0}", ["$4\r\n-inf\r\n", ",-inf\r\n"]),
    ("return {big_number='123'}", ["$3\r\n123\r\n", "(123\r\n"]),
    ("return {big_number='abc'}", ["$3\r\nabc\r\n", "(abc\r\n"]),
    ("return {big_number=''}", ["$0\r\n\r\n", "(\r\n"]),
    ("return {big_number='1\\r\\n2'}", ["$4\r\n1  2\r\n", "(1  2\r\n"]),
    ("return {verbatim_string={format='txt',string='hi'}}", ["$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"]),
    ("return {verbatim_string={format='t',string='hi'}}", ["$2\r\nhi\r\n", "=6\r\nt  :hi\r\n"]),
    ("return {verbatim_string={format='toolong',string=''}}", ["$0\r\n\r\n", "=4\r\ntoo:\r\n"]),
    ("return {verbatim_string={format='',string='x'}}", ["$1\r\nx\r\n", "=5\r\n   :x\r\n"]),
    ("return {map={a=1}}", ["*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:1\r\n"]),
    ("return {map={[1.9]='x'}}", ["*2\r\n:1\r\n$1\r\nx\r\n", "%1\r\n:1\r\n$1\r\nx\r\n"]),
    ("return {map={[{1}]={2}}}", ["*2\r\n*1\r\n:1\r\n*1\r\n:2\r\n", "%1\r\n*1\r\n:1\r\n*1\r\n:2\r\n"]),
    ("return {map={[true]=false}}", ["*2\r\n:1\r\n$-1\r\n", "%1\r\n:1\r\n_\r\n"]),
    ("return {map={a={err='E in it'}}}", ["*2\r\n$1\r\na\r\n-E in it\r\n", "%1\r\n$1\r\na\r\n-E in it\r\n"]),
    ("return {set={a=true}}", ["*1\r\n$1\r\na\r\n", "~1\r\n$1\r\na\r\n"]),
    ("return {set={a=false}}", ["*1\r\n$1\r\na\r\n", "~1\r\n$1\r\na\r\n"]),
    ("return {set={'a','b'}}", ["*2\r\n:1\r\n:2\r\n", "~2\r\n:1\r\n:2\r\n"]),
    (
        "return {{double=0.5},{map={}},{set={x=1}}}",
        ["*3\r\n$3\r\n0.5\r\n*0\r\n*1\r\n$1\r\nx\r\n", "*3\r\n,0.5\r\n%0\r\n~1\r\n$1\r\nx\r\n"],
    ),
    // From a reply to Lua and back.
    ("return redis.call('SET','s','v')", ["+OK\r\n"; 2]),
    ("return redis.call('GET','nosuch')", NIL),
    (
        "redis.call('SET','s','v') return redis.call('MGET','s','nosuch','s')",
        ["*3\r\n$1\r\nv\r\n$-1\r\n$1\r\nv\r\n", "*3\r\n$1\r\nv\r\n_\r\n$1\r\nv\r\n"],
    ),
    (
        "redis.setresp(3) redis.call('SET','s','v') return redis.call('MGET','s','nosuch','s')",
        ["*1\r\n$1\r\nv\r\n"; 2],
    ),
    ("redis.setresp(3) return redis.call('GET','nosuch')", NIL),
    ("redis.setresp(3) return type(redis.call('GET','nosuch'))", ["$3\r\nnil\r\n"; 2]),
    ("return type(redis.call('GET','nosuch'))", ["$7\r\nboolean\r\n"; 2]),
    (
        "redis.call('MSET','x','ab','y','ab') return redis.call('LCS','x','y','IDX')",
        ["*4\r\n$7\r\nmatches\r\n*1\r\n*2\r\n*2\r\n:0\r\n:1\r\n*2\r\n:0\r\n:1\r\n$3\r\nlen\r\n:2\r\n"; 2],
    ),
    ("return redis.pcall('INCR','s')", ["-ERR value is not an integer or out of range\r\n"; 2]),
];

/// What newer servers, and this crate, write otherwise than 7.0: doubles in their shortest form, NaN without a sign.
const NEWER: &[Case] = &[
    ("return {double=0.1}", ["$3\r\n0.1\r\n", ",0.1\r\n"]),
    ("return {double=1/3}", ["$18\r\n0.3333333333333333\r\n", ",0.3333333333333333\r\n"]),
    ("return {double=1e17}", ["$18\r\n100000000000000000\r\n", ",100000000000000000\r\n"]),
    ("return {double=1e-7}", ["$4\r\n1e-7\r\n", ",1e-7\r\n"]),
    ("return {double=1e100}", ["$6\r\n1e+100\r\n", ",1e+100\r\n"]),
    // An integer has no negative zero.
    #[cfg(not(feature = "lua54"))]
    ("return {double=-0}", ["$2\r\n-0\r\n", ",-0\r\n"]),
    ("return {double=0/0}", ["$3\r\nnan\r\n", ",nan\r\n"]),
    ("return {double=-(0/0)}", ["$3\r\nnan\r\n", ",nan\r\n"]),
];

const PROTOCOLS: [&str; 2] = ["2", "3"];

#[test]
fn return_values_become_the_replies_of_the_contract() {
    let mut report = String::new();
    for (index, protocol) in PROTOCOLS.iter().enumerate() {
        let mut session = Engine::new(Store::new()).session();
        reply_of(&mut session, &["HELLO", protocol]);
        for (script, want) in CASES.iter().chain(NEWER) {
            let got = reply_of(&mut session, &["EVAL", script, "0"]);
            if got != want[index].as_bytes() {
                report += &format!(
                    "RESP{protocol} {script}\n    want {}\n    got  {}\n",
                    show(want[index].as_bytes()),
                    show(&got)
                );
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn a_real_server_agrees_with_the_contract() {
    let Some(oracle) = Oracle::start() else { return };
    let mut report = String::new();
    for (index, protocol) in PROTOCOLS.iter().enumerate() {
        let mut client = oracle.connect();
        client.raw(&["HELLO", protocol]);
        client.raw(&["FLUSHALL"]);
        for (script, want) in CASES {
            let real = client.raw(&["EVAL", script, "0"]);
            if real != want[index].as_bytes() {
                report += &format!(
                    "RESP{protocol} {script}\n    contract {}\n    server   {}\n",
                    show(want[index].as_bytes()),
                    show(&real)
                );
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

/// Scripts whose replies nest too deeply for Redis, and what of them remains. Half of RESP2's flat map is keys.
fn deep() -> Vec<(&'static str, [String; 2])> {
    const LIMIT: &str = "-ERR reached lua stack limit\r\n";
    let nested = |level: &str, levels: usize, last: &str| level.repeat(levels) + last;
    let array = nested("*1\r\n", 7995, LIMIT);
    vec![
        ("local t={} t[1]=t return t", [array.clone(), array.clone()]),
        ("local t={} for i=1,9000 do t={t} end return t", [array.clone(), array]),
        (
            "local t={} for i=1,7994 do t={t} end return t",
            [nested("*1\r\n", 7994, "*0\r\n"), nested("*1\r\n", 7994, "*0\r\n")],
        ),
        (
            "local s={set={}} s.set[s]=true return s",
            [nested("*1\r\n", 2665, LIMIT), nested("~1\r\n", 2665, LIMIT)],
        ),
        (
            "local t={set={}} for i=1,2664 do t={set={[t]=1}} end return t",
            [nested("*1\r\n", 2664, "*0\r\n"), nested("~1\r\n", 2664, "~0\r\n")],
        ),
        (
            "local t={map={}} for i=1,2664 do t={map={[1]=t}} end return t",
            [nested("*2\r\n:1\r\n", 2664, "*0\r\n"), nested("%1\r\n:1\r\n", 2664, "%0\r\n")],
        ),
    ]
}

#[test]
fn replies_nest_as_deeply_as_in_redis_and_no_deeper() {
    within(PATIENCE, || {
        for (index, protocol) in PROTOCOLS.iter().enumerate() {
            let mut session = Engine::new(Store::new()).session();
            reply_of(&mut session, &["HELLO", protocol]);
            for (script, want) in deep() {
                let got = reply_of(&mut session, &["EVAL", script, "0"]);
                let same = got == want[index].as_bytes();
                assert!(
                    same,
                    "RESP{protocol} {script}: {} bytes ending {}",
                    got.len(),
                    show(&got[got.len().saturating_sub(60)..])
                );
            }
        }
    });
}

/// Values of every sort at the limit: keys of maps, scalars, what stands behind a deep value.
const AT_THE_LIMIT: &[&str] = &[
    "local m={map={}} m.map[1]=m return m",
    "local m={map={}} m.map.a=m return {1,m,2}",
    "local t={1} for i=1,9000 do t={t,'rest'} end return t",
    "local t={1} for i=1,3000 do t={map={x={t}}} end return t",
    "local t={map={}} for i=1,5000 do t={map={[t]=1}} end return t",
    "local t='x' for i=1,7995 do t={t} end return t",
];

/// As the last test, and more: maps at their limit, mixtures, and a rest behind the limit.
#[test]
fn deep_replies_are_those_of_the_real_server() {
    let Some(oracle) = Oracle::start() else { return };
    within(PATIENCE, move || {
        let mut report = String::new();
        let mut scripts: Vec<String> = deep().iter().map(|(script, _)| (*script).to_owned()).collect();
        for more in [
            "local t={} t[1]=t t[2]='rest' local u=t for i=1,3 do u={u} end return {0}",
            "local t={1} for i=1,3000 do t={{set={[t]=1}}} end return t",
            "local t={double=1.5} for i=1,7994 do t={t} end return t",
            "local t='x' for i=1,7996 do t={t} end return t",
            "local t={ok='x'} for i=1,7996 do t={t} end return t",
            "local t={verbatim_string={format='txt',string='x'}} for i=1,7994 do t={t} end return t",
            "local t={} t[1]=t local f=function() return t end return (f())",
        ] {
            scripts.push(more.to_owned());
        }
        scripts.extend(AT_THE_LIMIT.iter().map(|script| (*script).to_owned()));
        for protocol in PROTOCOLS {
            let (mut client, mut session) = (oracle.connect(), Engine::new(Store::new()).session());
            client.raw(&["HELLO", protocol]);
            reply_of(&mut session, &["HELLO", protocol]);
            for script in &scripts {
                let want = client.raw(&["EVAL", script, "0"]);
                let got = reply_of(&mut session, &["EVAL", script, "0"]);
                let tail = |bytes: &[u8]| show(&bytes[bytes.len().saturating_sub(80)..]);
                if want != got {
                    report += &format!(
                        "RESP{protocol} {script}
    want {} … {}
    got  {} … {}
",
                        want.len(),
                        tail(&want),
                        got.len(),
                        tail(&got)
                    );
                }
            }
        }
        assert!(report.is_empty(), "{report}");
    });
}

#[test]
fn raised_errors_keep_code_and_place() {
    let mut session = Engine::builder(Store::new()).number_format(NumberFormat::Digits17).build().session();
    let oracle = Oracle::start();
    let mut client = oracle.as_ref().map(Oracle::connect);
    for (script, line) in [
        ("error('x')", "ERR user_script:1: x"),
        ("error('x',0)", "ERR x"),
        ("error('x',2)", "ERR x"),
        ("error()", "ERR nil"),
        ("error(nil)", "ERR nil"),
        ("error(true)", "ERR true"),
        ("error(1)", if cfg!(feature = "lua54") { "ERR 1" } else { "ERR user_script:1: 1" }),
        ("error({err='foo'})", "foo"),
        ("error({err='FOO bar'})", "FOO bar"),
        ("error({err='-FOO bar'})", "--FOO bar".strip_prefix('-').unwrap()),
        ("error({err=5})", "5"),
        ("error({err=''})", ""),
        ("error({err='E x\\n'})", "E x "),
        ("error(setmetatable({},{__index={err='X y'}}))", "X y"),
        ("redis.call('nosuch')", "ERR Unknown Redis command called from script"),
        ("redis.call()", "ERR Please specify at least one argument for this redis lib call"),
        ("redis.call('GET',{})", "ERR Lua redis lib command arguments must be strings or integers"),
        ("redis.call('GET')", "ERR Wrong number of args calling Redis command from script"),
        (
            "local ok,e=pcall(redis.call,'incr') error(e)",
            "ERR Wrong number of args calling Redis command from script",
        ),
        ("x=1", "ERR user_script:1: Attempt to modify a readonly table"),
        ("return x", "ERR user_script:1: Script attempted to access nonexistent global variable 'x'"),
    ] {
        let want = format!("-{line} script: {}, on @user_script:1.\r\n", sha(script));
        let got = reply_of(&mut session, &["EVAL", script, "0"]);
        if let Some(client) = &mut client
            && !(cfg!(feature = "lua54") && script == "error(1)")
        {
            let real = client.raw(&["EVAL", script, "0"]);
            assert_eq!(show(&real), show(&got), "{script}");
        }
        if !script.contains("pcall") {
            assert_eq!(show(&got), show(want.as_bytes()), "{script}");
        }
    }
    // A table without a text ends a real server; SCRIPTING.md 14.1 says what it is here.
    for script in ["error({})", "error({ok='x'})", "error({1,2})", "error({err={}})"] {
        let want = format!("-ERR unknown error script: {}, on @user_script:1.\r\n", sha(script));
        assert_eq!(show(&reply_of(&mut session, &["EVAL", script, "0"])), show(want.as_bytes()), "{script}");
    }
}
