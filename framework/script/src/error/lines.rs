//! Which lines a message is about: those that set what it names.

/// The lines of the call that begins on line `call` which a message is about; that one where none is.
pub(super) fn of_call(message: &str, source: &str, call: u32) -> Vec<u32> {
    let code = call_at(source, call);
    let found = problems(message).filter_map(|problem| place(problem, &code));
    let found = in_order(found);
    match found.is_empty() {
        true => vec![call],
        false => found,
    }
}

/// The lines of a TOML file that a message is about, where those of the script that are `shown` are not.
pub(super) fn of_config(message: &str, shown: &str, text: &str) -> Vec<usize> {
    let shown = shown.lines().filter_map(|line| line.split_once(" | "));
    let shown: Vec<(&str, &str)> = shown.collect();
    let open = problems(message).filter(|problem| place(problem, &shown).is_none());
    in_order(open.filter_map(|problem| only_line(problem, text)))
}

fn in_order<N: Ord>(lines: impl Iterator<Item = N>) -> Vec<N> {
    let mut lines: Vec<N> = lines.collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// The lines of a message without those that introduce a list.
fn problems(message: &str) -> impl Iterator<Item = &str> {
    message.lines().filter(|line| !line.ends_with(':'))
}

/// A call's lines with their numbers, without comments: to the one on which its last bracket closes.
fn call_at(source: &str, call: u32) -> Vec<(u32, &str)> {
    let mut code = Vec::new();
    let mut open = 0;
    let lines = (1..).zip(source.lines());
    for (number, line) in lines.skip_while(|(number, _)| *number < call) {
        let (line, still_open) = scan(line, open);
        code.push((number, line));
        open = still_open;
        if open == 0 {
            break;
        }
    }
    code
}

/// What stands before a line's comment, and how many brackets are open after it.
fn scan(line: &str, mut open: usize) -> (&str, usize) {
    let mut quote = None;
    let mut before = ' ';
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                chars.next();
            }
            (Some(end), c) if c == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '-') if before == '-' => return (line.get(..at - 1).unwrap_or(line), open),
            (None, '(' | '{' | '[') => open += 1,
            (None, ')' | '}' | ']') => open = open.saturating_sub(1),
            (None, _) => {}
        }
        before = c;
    }
    (line, open)
}

/// The place of the last name of a problem that is set there; else of an unknown one that stands there as a text.
fn place<N: Copy>(problem: &str, code: &[(N, &str)]) -> Option<N> {
    let line = |is: &dyn Fn(&str) -> bool| code.iter().find(|(_, line)| is(line)).map(|(n, _)| *n);
    let set = (names(problem).iter().rev()).find_map(|name| line(&|code| sets(code, name)));
    set.or_else(|| {
        let name = unknown(problem)?;
        line(&|code| quotes(code, name))
    })
}

/// The name that a problem calls unknown.
fn unknown(problem: &str) -> Option<&str> {
    let (_, rest) = problem.split_once("unknown ")?;
    rest.split('`').nth(1)
}

/// A problem without the names that it proposes.
fn told(problem: &str) -> &str {
    let hints = ["; did you mean ", "; known: "];
    hints.into_iter().fold(problem, |text, hint| {
        text.split_once(hint).map_or(text, |(before, _)| before)
    })
}

/// What a problem names.
fn names(problem: &str) -> Vec<&str> {
    let names = told(problem).split('`').skip(1).step_by(2);
    names.filter(|name| !name.is_empty()).collect()
}

/// Whether code holds `name = …` as an entry of a table.
fn sets(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let (before, from) = code.split_at(at);
        let after = from.get(name.len()..).unwrap_or_default().trim_start();
        let before = before.trim_end().chars().next_back();
        before.is_none_or(|c| "{,;".contains(c))
            && after.starts_with('=')
            && !after.starts_with("==")
    })
}

/// Whether code holds a name as a text.
fn quotes(code: &str, name: &str) -> bool {
    let quoted = |quote: &char| code.contains(&format!("{quote}{name}{quote}"));
    ['"', '\''].iter().any(quoted)
}

/// The line of a TOML file with the unknown name of a problem, or with a name and the value that it tells, where there is
/// just one.
fn only_line(problem: &str, text: &str) -> Option<usize> {
    let names = names(problem);
    let is_meant = |line: &str| match (told(problem).rsplit_once(", found "), unknown(problem)) {
        (Some((_, value)), _) => {
            let value = value.strip_prefix("the text ").unwrap_or(value);
            let value = value.trim_matches(['`', '"']);
            names.iter().any(|name| sets(line, name)) && line.contains(value)
        }
        (None, Some(name)) => sets(line, name) || quotes(line, name),
        (None, None) => false,
    };
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| is_meant(line));
    let (number, _) = lines.next()?;
    lines.next().is_none().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"local rate = 1
local backbone = lapidary.backbone("sasrec", { -- (dropuot = 1
  heads = 2, ["x)"] = "a\"}",
  dropuot = 0.1, dropout = 0.2,
  inner = { reduced_dim = 3, widht = 4 },
})
rate = 2
"#;

    #[test]
    fn the_line_that_sets_a_name_is_found_within_the_call() {
        let lines = |message: &str| of_call(message, SCRIPT, 2);
        assert_eq!(
            lines("backbone `sasrec`: unknown key `dropuot`; did you mean `dropout`?"),
            [4]
        );
        assert_eq!(lines("`inner`: unknown key `widht`; known: `heads`"), [5]);
        assert_eq!(lines("9 must be a multiple of `heads`, which is 2"), [3]);
        assert_eq!(lines("unknown backbone `sasrec`"), [2]);
        assert_eq!(
            lines("`dim`: must be at least 1, found 0"),
            [2],
            "a part of a name"
        );
        assert_eq!(
            lines("`rate`: must be above 0, found 0"),
            [2],
            "after the call"
        );
        assert_eq!(
            lines(
                "backbone `sasrec`: 3 settings cannot be used:\n  `widht`: x\n  `heads`: x\n  `inner`: x"
            ),
            [3, 5]
        );
        assert_eq!(of_call("`heads`: x", "", 2), [2]);
    }

    #[test]
    fn the_line_of_a_configuration_is_shown_where_it_is_certain() {
        let text = "[a]\ndropout = 0.2\n# dropout = 1.5\n[b]\ndropout = 1.5\nheads = \"two\"\n[c]\nheads = 2\n";
        let lines = |message: &str, shown: &str| of_config(message, shown, text);
        let script = "\n  s.lua:1 | local b = lapidary.backbone(\"sasrec\", config.b)";
        let both = "2 settings cannot be used:\n  `dropout`: must be below 1, found 1.5\n  \
                    `heads`: expected a whole number, found the text `two`";
        assert_eq!(lines(both, script), [5, 6]);
        assert_eq!(
            lines("backbone `sasrec`: `dropout`: x, found 1.5", script),
            [5]
        );
        assert_eq!(lines("unknown backbone `two`", script), [6]);
        assert!(
            lines("unknown key `heads`", script).is_empty(),
            "two lines set it"
        );
        assert!(lines("`dropout` is missing", script).is_empty());
        let own = "\n  s.lua:2 |   dropout = 1.5,";
        assert!(lines("`dropout`: x, found 1.5", own).is_empty());
    }
}
