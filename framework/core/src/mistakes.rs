//! Mistakes that a dry run notes and goes on from, so that it tells all of them at once.

use std::cell::RefCell;
use std::rc::Rc;

use crate::error::{Error, Result};

type Sink = Rc<dyn Fn(Error) -> Result<()>>;

thread_local! {
    static SINK: RefCell<Option<Sink>> = const { RefCell::new(None) };
}

/// Does some work on this thread; mistakes that it can go on from are given to `sink`, which gives back those that must end it.
pub fn noting<T>(sink: impl Fn(Error) -> Result<()> + 'static, work: impl FnOnce() -> T) -> T {
    let before = SINK.replace(Some(Rc::new(sink)));
    let done = work();
    SINK.set(before);
    done
}

/// Notes a mistake that the work can go on from.
///
/// # Errors
/// The mistake itself, where none are noted.
pub fn note(mistake: Error) -> Result<()> {
    match SINK.with_borrow(Option::clone) {
        Some(sink) => sink(mistake),
        None => Err(mistake),
    }
}

/// Notes an unknown name, and gives the one that it most likely stands for.
///
/// # Errors
/// The mistake itself, where none are noted or no name is near.
pub fn nearest(mistake: Error) -> Result<String> {
    let near = match &mistake {
        Error::Unknown { nearest, .. } => nearest.first().cloned(),
        _ => None,
    };
    match near {
        Some(name) => note(mistake).map(|()| name),
        None => Err(mistake),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_noted_where_somebody_listens() {
        let unknown = |name| Error::unknown("reducer", name, ["pca", "whitening"]);
        assert!(nearest(unknown("pcaa")).is_err());
        let heard = Rc::new(RefCell::new(Vec::new()));
        let list = Rc::clone(&heard);
        let sink = move |mistake: Error| {
            list.borrow_mut().push(mistake.to_string());
            Ok(())
        };
        noting(sink, || {
            assert_eq!(nearest(unknown("pcaa")).unwrap(), "pca");
            assert!(nearest(unknown("nothing like it")).is_err());
            note(Error::setting("fit", "wrong")).unwrap();
        });
        assert_eq!(
            *heard.borrow(),
            ["unknown reducer `pcaa`; did you mean `pca`?", "fit: wrong"]
        );
        assert!(note(Error::setting("fit", "wrong")).is_err());
    }
}
