//! Where a report's parts come from: the run's folder, and the store as far as it still has them.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use crate::artefact::{Content, Store};
use crate::data::{Dataset, Split, Summary};
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::guidance::GuidedScores;
use crate::pipeline::{KeptModel, KeptRun};

type Cut = Rc<(Dataset, Split)>;

/// A run, its store, and what was found to be missing.
pub(super) struct Sources<'a> {
    pub run: &'a KeptRun,
    pub missing: Vec<String>,
    store: Option<Store>,
    splits: HashMap<Fingerprint, Option<Cut>>,
}

impl<'a> Sources<'a> {
    /// Opens the store where there is one; it is not made.
    pub fn new(run: &'a KeptRun, store: &Path) -> Self {
        let opened = store.is_dir().then(|| Store::open(store));
        let (store, missing) = match opened {
            Some(Ok(store)) => (Some(store), Vec::new()),
            Some(Err(error)) => (None, vec![error.to_string()]),
            None => {
                let missing = format!(
                    "there is no store at {}: only what the run's folder holds is shown; --store names another",
                    store.display()
                );
                (None, vec![missing])
            }
        };
        Self {
            run,
            missing,
            store,
            splits: HashMap::new(),
        }
    }

    /// What `read` gives, or nothing where it fails: the reason is kept for the reader. An interrupt is an error.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn part<T>(
        &mut self,
        what: &str,
        read: impl FnOnce(&mut Self) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        match read(self) {
            Err(error) if error.is_interrupt() => Err(error),
            Err(error) => {
                let line = format!("{what}: {error}");
                if !self.missing.contains(&line) {
                    self.missing.push(line);
                }
                Ok(None)
            }
            found => found,
        }
    }

    /// An artefact's content, or nothing and a line that says so.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn artefact(
        &mut self,
        what: &str,
        sort: &str,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Content>> {
        self.part(what, |of| {
            let Some(store) = &of.store else {
                return Ok(None);
            };
            let content = store.load(sort, fingerprint)?;
            let lacks = || {
                let reason = format!(
                    "{sort} {} is not in the store any more; run the script again to have it",
                    fingerprint.short()
                );
                Error::data(store.root(), None, reason)
            };
            content.map(Some).ok_or_else(lacks)
        })
    }

    /// The figures of a data set.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub fn summary(&self, name: &str) -> Result<Option<Summary>> {
        let opened = self
            .store
            .as_ref()
            .map(|store| self.run.dataset(name, store));
        opened.transpose()?.map(|data| data.summary()).transpose()
    }

    /// A data set, cut as the script did.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn split(&mut self, fingerprint: &Fingerprint) -> Result<Option<Cut>> {
        if let Some(found) = self.splits.get(fingerprint) {
            return Ok(found.clone());
        }
        let found = self.part("data set", |of| {
            let Some(store) = &of.store else {
                return Ok(None);
            };
            of.run
                .split(fingerprint, store)
                .map(|cut| Some(Rc::new(cut)))
        })?;
        self.splits.insert(fingerprint.clone(), found.clone());
        Ok(found)
    }

    /// The scores that a model was refined with.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn guided(&mut self, model: &KeptModel) -> Result<Option<GuidedScores>> {
        let Some(fingerprint) = &model.guided else {
            return Ok(None);
        };
        let content = self.artefact("attributes", "guided", fingerprint)?;
        self.part("attributes", |_| {
            content.as_ref().map(GuidedScores::from_content).transpose()
        })
    }
}
