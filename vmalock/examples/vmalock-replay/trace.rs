//! What `strace -f -e trace=memory` recorded of a program, as operations on an address space.

use std::collections::BTreeMap;

use vmalock::{PAGE_SIZE, flags};

/// One system call that succeeded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Op {
    Map { start: usize, len: usize, vm_flags: usize },
    Unmap { start: usize, len: usize },
    Protect { start: usize, len: usize, vm_flags: usize },
    Advise { start: usize, len: usize },
    Move { start: usize, len: usize, to: usize, new_len: usize },
}

/// Reads a record. It skips lines of other calls and of failed calls, and counts them.
pub(crate) fn parse(text: &str) -> (Vec<Op>, usize) {
    let mut ops = Vec::new();
    let mut n_skipped = 0;
    // What each thread began, when another one came in between.
    let mut unfinished: BTreeMap<&str, String> = BTreeMap::new();
    let mut heap = None;
    for line in text.lines() {
        // Without `-f` there is no thread in front.
        let (thread, rest) = match line.split_once(' ') {
            Some((thread, rest)) if thread.bytes().all(|byte| byte.is_ascii_digit()) => {
                (thread, rest.trim_start())
            }
            _ => ("", line.trim_start()),
        };
        let whole = if let Some((begin, _)) = rest.split_once("<unfinished ...>") {
            unfinished.insert(thread, begin.trim_end().to_owned());
            continue;
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once("resumed>"))
        {
            unfinished.remove(thread).unwrap_or_default() + end
        } else {
            rest.to_owned()
        };
        match call(&whole, &mut heap) {
            Some(op) => ops.extend(op),
            None => n_skipped += 1,
        }
    }
    (ops, n_skipped)
}

/// One call; `Some(None)` if it changes nothing.
fn call(line: &str, heap: &mut Option<usize>) -> Option<Option<Op>> {
    let (name, rest) = line.split_once('(')?;
    let (args, result) = rest.rsplit_once(')')?;
    let result = result.trim_start().strip_prefix('=')?.trim();
    if result.starts_with('-') || result.starts_with('?') {
        return None;
    }
    let args: Vec<&str> = args.split(',').map(str::trim).collect();
    let arg = |index: usize| args.get(index).copied().and_then(number);
    let pages = |index: usize| arg(index)?.checked_next_multiple_of(PAGE_SIZE);
    let op = match name {
        "mmap" | "mmap2" => {
            Op::Map { start: number(result)?, len: pages(1)?, vm_flags: protection(args.get(2)?) }
        }
        "munmap" => Op::Unmap { start: arg(0)?, len: pages(1)? },
        "mprotect" | "pkey_mprotect" => {
            Op::Protect { start: arg(0)?, len: pages(1)?, vm_flags: protection(args.get(2)?) }
        }
        "madvise" => Op::Advise { start: arg(0)?, len: pages(1)? },
        "mremap" => Op::Move { start: arg(0)?, len: pages(1)?, to: number(result)?, new_len: pages(2)? },
        "brk" => return Some(brk(number(result)?, heap)),
        _ => return None,
    };
    Some(Some(op))
}

/// The end of the heap is where the call says that it is.
fn brk(end: usize, heap: &mut Option<usize>) -> Option<Op> {
    let end = end.next_multiple_of(PAGE_SIZE);
    let old = heap.replace(end)?;
    if end > old {
        Some(Op::Map { start: old, len: end - old, vm_flags: flags::READ | flags::WRITE })
    } else {
        (end < old).then(|| Op::Unmap { start: end, len: old - end })
    }
}

fn number(word: &str) -> Option<usize> {
    // A result may be followed by a comment.
    let word = word.split_whitespace().next()?;
    if word == "NULL" {
        return Some(0);
    }
    match word.strip_prefix("0x") {
        Some(hex) => usize::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    }
}

fn protection(word: &str) -> usize {
    let bits = [("PROT_READ", flags::READ), ("PROT_WRITE", flags::WRITE), ("PROT_EXEC", flags::EXEC)];
    bits.iter().filter(|(name, _)| word.split('|').any(|other| other == *name)).map(|(_, bit)| bit).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_whole_or_passed_over() {
        let text = "7 brk(NULL) = 0x1000\n\
            7 mmap(NULL, 5000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>\n\
            8 munmap(0x9000, 4096) = 0\n\
            7 <... mmap resumed>) = 0x20000\n\
            7 mprotect(0x20000, 4096, PROT_NONE) = 0\n\
            7 mremap(0x20000, 8192, 12288, MREMAP_MAYMOVE) = 0x30000\n\
            7 brk(0x3000) = 0x3000\n\
            8 madvise(0x20000, 1, MADV_DONTNEED) = -1 EINVAL (Invalid argument)\n\
            8 +++ exited with 0 +++\n";
        let (ops, n_skipped) = parse(text);
        assert_eq!(n_skipped, 2);
        assert_eq!(
            ops,
            [
                Op::Unmap { start: 0x9000, len: 0x1000 },
                Op::Map { start: 0x20000, len: 0x2000, vm_flags: flags::READ | flags::WRITE },
                Op::Protect { start: 0x20000, len: 0x1000, vm_flags: 0 },
                Op::Move { start: 0x20000, len: 0x2000, to: 0x30000, new_len: 0x3000 },
                Op::Map { start: 0x1000, len: 0x2000, vm_flags: flags::READ | flags::WRITE },
            ]
        );
    }
}
