//! The parameters of a function, as `API.md` writes them.

/// One of them.
#[derive(Debug, PartialEq)]
pub(super) struct Parameter {
    pub name: String,
    pub sort: String,
    pub optional: bool,
}

/// Reads `(user, { k = 10 })`, `(metric [, keep_seen])` or ` { least = 20 }`. A table of settings is called `settings`,
/// and `…` stands for more of what came before.
pub(super) fn parameters(arguments: &str) -> Vec<Parameter> {
    let inside = arguments.trim();
    let inside = inside
        .strip_prefix('(')
        .map_or(inside, |i| i.strip_suffix(')').unwrap_or(i));
    let mut found = Vec::new();
    let (mut name, mut depth, mut optional) = (String::new(), 0_usize, false);
    let mut end = |name: &mut String, optional: bool| {
        let text = std::mem::take(name);
        let name = match text.trim() {
            "" => return,
            table if table.starts_with('{') => "settings",
            "…" => "...",
            plain => plain,
        };
        // `function` and the like cannot be names.
        let name = if name == "table" { "values" } else { name };
        found.push(Parameter {
            name: name.to_owned(),
            sort: String::new(),
            optional: optional || name == "settings",
        });
    };
    for c in inside.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            '[' if depth == 0 => {
                end(&mut name, optional);
                optional = true;
                continue;
            }
            ',' | ']' if depth == 0 => {
                end(&mut name, optional);
                continue;
            }
            _ => {}
        }
        name.push(c);
    }
    end(&mut name, optional);
    let last = found.len().saturating_sub(1);
    for parameter in found.iter_mut().take(last) {
        parameter.optional &= parameter.name != "settings";
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Vec<String> {
        let one = |p: Parameter| format!("{}{}", p.name, if p.optional { "?" } else { "" });
        parameters(arguments).into_iter().map(one).collect()
    }

    #[test]
    fn parameters_are_read_as_they_are_written() {
        assert_eq!(
            read("(user, { k = 10, steer = { humor = 2 } })"),
            ["user", "settings?"]
        );
        assert_eq!(read("(metric [, keep_seen])"), ["metric", "keep_seen?"]);
        assert_eq!(read("([dim, keep])"), ["dim?", "keep?"]);
        assert_eq!(read("(weight, [bias])"), ["weight", "bias?"]);
        assert_eq!(read(" { least = 20 }"), ["settings?"]);
        assert_eq!(read("(n, …)"), ["n", "..."]);
        assert_eq!(read("()"), [""; 0]);
    }
}
