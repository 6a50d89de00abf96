//! [`Stage`]: several connections to a real server and as many sessions here, which get the same commands.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use redmoon::{Begun, Engine, Store, resp};

use super::{PATIENCE, blocked};
use crate::support::{Client, Oracle, show, show_command};

type Command = Vec<Vec<u8>>;

/// A reply for comparison. The number of the connection in HELLO's is another one on each side.
fn comparable(reply: &[u8]) -> String {
    let text = show(reply);
    match text.split_once("$2\\r\\nid\\r\\n:") {
        Some((before, after)) => {
            format!("{before}id:{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => text,
    }
}

/// Replies by connection.
type Replies = BTreeMap<usize, Vec<String>>;

/// What a session's thread says.
enum News {
    Reply(Vec<u8>),
    Waits,
}

/// A session on a thread of its own.
struct Caller {
    commands: Sender<Command>,
    news: Receiver<News>,
}

impl Caller {
    fn new(engine: &Engine) -> Caller {
        let (commands, inbox) = channel::<Command>();
        let (outbox, news) = channel();
        let mut session = engine.session();
        std::thread::spawn(move || {
            for command in inbox {
                let protocol = session.protocol();
                let reply = match session.begin(&command) {
                    Ok(Begun::Waiting(waiting)) => {
                        let _ = outbox.send(News::Waits);
                        waiting.wait()
                    }
                    Ok(Begun::Done(reply)) => Ok(reply),
                    Ok(_) => panic!("begun in another way"),
                    Err(error) => Err(error),
                };
                let protocol =
                    if command[0].eq_ignore_ascii_case(b"HELLO") { session.protocol() } else { protocol };
                let mut bytes = Vec::new();
                resp::encode_result(&reply, protocol, &mut bytes);
                if outbox.send(News::Reply(bytes)).is_err() {
                    return;
                }
            }
        });
        Caller { commands, news }
    }
}

pub(super) struct Stage {
    control: Client,
    clients: Vec<Client>,
    store: Store,
    callers: Vec<Caller>,
    /// Which of ours wait.
    waiting: Vec<bool>,
    /// Which of theirs have not answered.
    unanswered: Vec<bool>,
    history: Vec<String>,
}

impl Stage {
    pub(super) fn new(oracle: &Oracle, connections: usize) -> Stage {
        let mut control = oracle.connect();
        control.raw(&["FLUSHALL"]);
        let engine = Engine::new(Store::new());
        Stage {
            control,
            clients: (0..connections).map(|_| oracle.connect()).collect(),
            store: engine.store().clone(),
            callers: (0..connections).map(|_| Caller::new(&engine)).collect(),
            waiting: vec![false; connections],
            unanswered: vec![false; connections],
            history: Vec::new(),
        }
    }

    /// Whether a connection waits, and takes no command.
    pub(super) fn waits(&self, connection: usize) -> bool {
        self.waiting[connection]
    }

    /// Sends a command to both sides and compares all that is answered, to whomever.
    pub(super) fn step(&mut self, connection: usize, command: &[impl AsRef<[u8]>]) {
        let command: Command = command.iter().map(|arg| arg.as_ref().to_vec()).collect();
        self.history.push(format!("{connection}: {}", show_command(&command)));
        assert!(!self.waits(connection), "a connection that waits takes no command");
        self.clients[connection].queue(&command);
        self.clients[connection].flush();
        self.unanswered[connection] = true;
        self.callers[connection].commands.send(command).unwrap();
        let mut ours = Replies::new();
        match self.callers[connection].news.recv_timeout(PATIENCE).unwrap() {
            News::Waits => self.waiting[connection] = true,
            News::Reply(bytes) => ours.entry(connection).or_default().push(comparable(&bytes)),
        }
        self.compare(ours);
    }

    /// Lets time pass on both sides.
    pub(super) fn sleep(&mut self, time: Duration) {
        self.history.push(format!("{time:?} later"));
        std::thread::sleep(time);
        self.compare(Replies::new());
    }

    fn compare(&mut self, mut ours: Replies) {
        // Who was served is not counted any more, and his reply is on its way.
        while self.waiting.iter().filter(|waits| **waits).count() > blocked(&self.store) {
            for (connection, caller) in self.callers.iter().enumerate() {
                if self.waiting[connection]
                    && let Ok(News::Reply(bytes)) = caller.news.recv_timeout(Duration::from_millis(1))
                {
                    self.waiting[connection] = false;
                    ours.entry(connection).or_default().push(comparable(&bytes));
                }
            }
        }
        // The server has read the command before the first of these, and has written its replies before the second.
        self.control.raw(&["PING"]);
        self.control.raw(&["PING"]);
        let mut theirs = Replies::new();
        for (connection, client) in self.clients.iter_mut().enumerate() {
            let come: Vec<String> = client.come().iter().map(|reply| comparable(reply)).collect();
            if !come.is_empty() {
                self.unanswered[connection] = false;
                theirs.insert(connection, come);
            }
        }
        let story = self.history.join("\n  ");
        assert_eq!(ours, theirs, "ours and theirs, after\n  {story}");
        assert_eq!(self.waiting, self.unanswered, "who waits, after\n  {story}");
    }

    /// Compares what is left in both.
    pub(super) fn compare_keys(&mut self, keys: &[&str]) {
        let session = &mut Engine::new(self.store.clone()).session();
        let mut probe = self.control.raw(&["SELECT", "0"]);
        assert_eq!(probe, b"+OK\r\n");
        for database in ["0", "1"] {
            self.control.raw(&["SELECT", database]);
            session.execute(&["SELECT", database]).unwrap();
            for key in keys {
                for command in [&["TYPE", key][..], &["LRANGE", key, "0", "-1"], &["ZRANGE", key, "0", "-1"]]
                {
                    probe = self.control.raw(command);
                    let mut ours = Vec::new();
                    resp::encode_result(&session.execute(command), session.protocol(), &mut ours);
                    let story = self.history.join("\n  ");
                    assert_eq!(show(&ours), show(&probe), "{command:?} in {database}, after\n  {story}");
                }
            }
        }
        self.control.raw(&["SELECT", "0"]);
    }
}
