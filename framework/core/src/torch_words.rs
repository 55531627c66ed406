//! libtorch's errors in words for people.

const MEMORY: &str = "can't allocate memory: you tried to allocate ";
const GPU_MEMORY: &str = "CUDA out of memory. Tried to allocate ";
const LESS: &str = "a smaller `batch_size`, `dim` or `max_len`, a loss with sampled negatives or fewer items take less";

/// A text without what libtorch adds for its own developers. In a panic's text the error ends with `")`.
pub(crate) fn plain(text: &str) -> String {
    let text = text.replace("Internal torch error: ", "");
    let begins = ["Exception raised from", "frame #0"];
    let start = begins.iter().filter_map(|b| text.find(b)).min();
    let (head, frames) = text.split_at(start.unwrap_or(text.len()));
    let tail = frames.rfind("\")").map_or("", |end| &frames[end..]);
    let mut head = head.trim_end();
    while let Some(shorter) = head.strip_suffix("\\n") {
        head = shorter.trim_end();
    }
    match out_of_memory(head) {
        Some(words) => format!("{words}{tail}"),
        None => format!("{head}{tail}"),
    }
}

/// What is said where memory is wanting, with what stands before libtorch's words.
fn out_of_memory(text: &str) -> Option<String> {
    if let Some((before, after)) = text.split_once(GPU_MEMORY) {
        let amount = after.split(". ").next().unwrap_or_default();
        let amount = amount.trim_end_matches('.');
        return Some(format!(
            "{before}not enough memory on the GPU for {amount} more; {LESS}"
        ));
    }
    let (before, after) = text.split_once(MEMORY)?;
    let bytes: f64 = after.split(' ').next()?.parse().ok()?;
    let before = before.split("[enforce fail").next().unwrap_or_default();
    let gib = bytes / f64::from(1 << 30);
    Some(format!(
        "{before}not enough memory for {gib:.1} GiB more; {LESS}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_left_out() {
        let error = "sizes differ\nException raised from f at x.cpp:1\nframe #0: …";
        assert_eq!(plain(error), "sizes differ");
        let panic =
            "on an `Err`: Torch(\"sizes differ\\nException raised from f\\nframe\") (a.rs:1)";
        assert_eq!(
            plain(panic),
            "on an `Err`: Torch(\"sizes differ\") (a.rs:1)"
        );
        assert_eq!(plain("plain"), "plain");
    }

    #[test]
    fn memory_that_is_wanting_is_told_in_plain_words() {
        let cpu = "tensor operation failed: Internal torch error: [enforce fail at alloc_cpu.cpp:127] err == 0. \
                   DefaultCPUAllocator: can't allocate memory: you tried to allocate 2147483648 bytes. Error code 12 \
                   (Cannot allocate memory)\nframe #0: c10::f()";
        let words = plain(cpu);
        assert!(
            words.starts_with("tensor operation failed: not enough memory for 2.0 GiB more; "),
            "{words}"
        );
        let gpu =
            "CUDA out of memory. Tried to allocate 12.50 GiB. GPU 0 has a total capacity of 79 GiB";
        let words = plain(gpu);
        assert!(
            words.starts_with("not enough memory on the GPU for 12.50 GiB more; "),
            "{words}"
        );
    }
}
