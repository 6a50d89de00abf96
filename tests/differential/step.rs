//! One step of a random run: a command, and how the two replies to it are to be compared.

/// What "the same reply" means for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// The same bytes.
    Exact,
    /// The same elements in any order (KEYS).
    AnyOrder,
    /// The same pairs in any order, flat or as a map (HGETALL).
    Pairs,
    /// Lists of the same length: what is in them is drawn by chance.
    Length,
    /// A whole SCAN (or HSCAN …), call after call from cursor 0 to cursor 0, finds the same keys.
    WholeScan,
    /// Numbers that may differ by so much, because the two servers answered at different moments; what is negative
    /// or no number is compared exactly.
    Within(i64),
    /// Any key that exists (RANDOMKEY): each side's answer must exist on the other side.
    SomeKey,
    /// The same, but for the digits of RESP3's doubles: here they are the fewest that tell the number.
    Doubles,
    /// Both are errors of the same text, or both are replies of the same type.
    Type,
    /// Two numbers that are the time of day.
    Time,
    /// `INFO keyspace` without its averages, which depend on sampling.
    Keyspace,
    /// Nothing: the reply names the server.
    Nothing,
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) check: Check,
}

impl Step {
    pub(crate) fn new(name: &str) -> Step {
        Step { args: vec![name.as_bytes().to_vec()], check: Check::Exact }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<[u8]>) -> Step {
        self.args.push(arg.as_ref().to_vec());
        self
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Step {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_vec()));
        self
    }

    pub(crate) fn check(mut self, check: Check) -> Step {
        self.check = check;
        self
    }

    pub(crate) fn name(&self) -> &[u8] {
        &self.args[0]
    }
}
