//! smoke
use redmoon::*;
fn main() -> Result<()> {
    let engine = Engine::new(Store::new());
    let mut s = engine.session();
    for arg in std::env::args().skip(1) {
        println!("{:?}", s.execute(&["EVAL", &arg, "0"]));
    }
    Ok(())
}
