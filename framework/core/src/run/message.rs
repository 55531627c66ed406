//! Messages of failed runs, which may tell of several mistakes.

/// A message in one line: its first, where that announces a list with the first of it and how many more there are.
pub fn in_one_line(message: &str) -> String {
    let mut lines = message.lines().filter(|line| !is_context(line));
    let mut told = lines.next().unwrap_or_default().trim_end().to_owned();
    if !told.ends_with(':') {
        return told;
    }
    let listed: Vec<&str> = lines.collect();
    for line in &listed {
        told = format!("{told} {}", line.trim());
        if !told.ends_with(':') {
            break;
        }
    }
    let first = listed.first().map(|line| indent(line));
    let as_deep = listed.iter().filter(|line| Some(indent(line)) == first);
    match as_deep.count() {
        0 | 1 => told,
        n => format!("{told} (and {} more)", n - 1),
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether a line shows a script's or a file's line, `  script.lua:3 | print(x)`, or the call of one, or nothing.
fn is_context(line: &str) -> bool {
    let place = line.split_once(" | ").map_or("", |(place, _)| place);
    let number = place.rsplit_once(':').map_or("", |(_, number)| number);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let line = line.trim();
    is_number || line.is_empty() || line.starts_with("called from ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_problem_is_its_first_line() {
        assert_eq!(in_one_line("no luck"), "no luck");
        assert_eq!(
            in_one_line("s.lua:3: no luck\n  s.lua:3 | error(\"no luck\")\n  called from s.lua:7"),
            "s.lua:3: no luck"
        );
        assert_eq!(in_one_line(""), "");
        assert_eq!(in_one_line("nothing follows:"), "nothing follows:");
        assert_eq!(in_one_line("one follows:\n  it"), "one follows: it");
    }

    #[test]
    fn of_several_problems_the_first_is_told_and_the_rest_are_counted() {
        let mistakes = "s.lua: 3 mistakes:\ns.lua:1: no reducer `a`\n  s.lua:1 | reducer('a' | b)\ns.lua:2: no seed\n\
                        s.lua:4: fit: 2 settings cannot be used:\n  `x`: unknown\n  `y`: unknown";
        assert_eq!(
            in_one_line(mistakes),
            "s.lua: 3 mistakes: s.lua:1: no reducer `a` (and 2 more)"
        );
        let settings =
            "s.lua:4: fit: 2 settings cannot be used:\n  `x`: a\n  `y`: b\n  s.lua:4 | fit(x, y)";
        assert_eq!(
            in_one_line(settings),
            "s.lua:4: fit: 2 settings cannot be used: `x`: a (and 1 more)"
        );
        let nested = "2 runs would fail:\n  run 1: s.lua: 2 mistakes:\n    s.lua:1: a\n    s.lua:2: b\n  run 2: c";
        assert_eq!(
            in_one_line(nested),
            "2 runs would fail: run 1: s.lua: 2 mistakes: s.lua:1: a (and 1 more)"
        );
    }
}
