//! Whether what the Markdown files link to is there.

use crate::failure::{Failure, Result};
use crate::workspace::Workspace;
use std::fs;
use std::path::{Path, PathBuf};

/// Looks up every relative link of every Markdown file in the checkout.
///
/// # Errors
/// A folder or file cannot be read, or a link leads nowhere; the message names each such link.
pub fn check(workspace: &Workspace) -> Result<()> {
    let mut wrong = Vec::new();
    for page in pages(workspace.root())? {
        let text = fs::read_to_string(&page).map_err(Failure::io(&page))?;
        let folder = page.parent().unwrap_or(workspace.root());
        let lost = links(&text)
            .into_iter()
            .filter(|(_, link)| !folder.join(link).exists());
        wrong.extend(lost.map(|(line, link)| format!("{}:{line}: {link}", page.display())));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "step links; to see it alone: cargo xtask test links\n  These lead nowhere:\n  {}",
        wrong.join("\n  ")
    )))
}

/// The Markdown files below `folder`, but for hidden folders and what is built.
fn pages(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Failure::io(folder))? {
        let path = entry.map_err(Failure::io(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            found.extend(pages(&path)?);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The relative links of a page outside of code, with their lines; what follows a `#` is not looked at.
fn links(page: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (number, line) in (1..).zip(page.lines()) {
        in_code ^= line.trim_start().starts_with("```");
        // Between back-ticks every second piece is code.
        let prose = line.split('`').step_by(2).filter(|_| !in_code);
        let targets = prose.flat_map(|piece| piece.split("](").skip(1));
        let paths = targets.filter_map(|rest| rest.split([')', '#', ' ']).next());
        let relative = paths.filter(|path| !path.is_empty() && !path.contains(':'));
        found.extend(relative.map(|path| (number, path)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_links_are_found_with_their_lines() {
        let page = "[a](a.md) and [`b`](../b/c.md#part), [text](d.md \"title\")\n\n![e](e.png)";
        assert_eq!(
            links(page),
            [(1, "a.md"), (1, "../b/c.md"), (1, "d.md"), (3, "e.png")]
        );
    }

    #[test]
    fn code_and_other_links_are_passed_over() {
        let page = "[a](https://a.example) [b](#part) `t[1](x)`\n```lua\nt[1](x)\n```\n[c](c.md)";
        assert_eq!(links(page), [(5, "c.md")]);
    }

    #[test]
    fn pages_are_looked_for_where_people_write() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.md", "docs/b.md", "target/c.md", ".deps/d.md", "e.rs"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let mut found = pages(folder.path()).unwrap();
        found.sort();
        assert_eq!(found, ["a.md", "docs/b.md"].map(|n| folder.path().join(n)));
    }
}
