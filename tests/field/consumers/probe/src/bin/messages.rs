//! Reads cargo's messages as an editor does.
use cargo_metadata::Message;

fn main() {
    let mut n_spans = 0;
    for message in Message::parse_stream(std::io::stdin().lock()) {
        let message = match message.expect("readable") {
            Message::CompilerMessage(message) => message,
            Message::BuildFinished(_) => continue,
            other => panic!("not expected: {other:?}"),
        };
        assert!(message.message.code.is_some_and(|code| code.code.starts_with("LD")));
        n_spans += message.message.spans.len();
    }
    assert!(n_spans >= 2, "both lock sites are underlined");
    println!("rustc: cargo_metadata reads it, {n_spans} places");
}
