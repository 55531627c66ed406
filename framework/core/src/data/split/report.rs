//! Figures of a split.

use super::{Case, CaseSet, Split, SplitReport};

/// The figures of a cut; `times` are aligned with the items of its sequences.
pub(super) fn report(split: &Split, times: Option<&[i64]>, without_history: u64) -> SplitReport {
    let mut trained = vec![false; split.n_items];
    for user in 0..split.sequences.users() {
        for item in split.train(user) {
            trained[*item as usize] = true;
        }
    }
    let share = |cases: &[Case], is: &dyn Fn(Case) -> bool| {
        cases.iter().filter(|c| is(**c)).count() as f64 / cases.len().max(1) as f64
    };
    let tied = |case: Case| {
        let target = split.sequences.offsets[case.user as usize] as usize + case.end as usize;
        times.is_some_and(|t| case.end > 0 && t[target] == t[target - 1])
    };
    let cold = |case: Case| !trained[split.target(case) as usize];
    let repeated = |case: Case| split.history(case).contains(&split.target(case));
    SplitReport {
        has_times: times.is_some(),
        train_interactions: split.train_len.iter().map(|n| u64::from(*n)).sum(),
        valid_cases: split.valid.len() as u64,
        test_cases: split.test.len() as u64,
        without_history,
        tied_valid: share(&split.valid, &tied),
        tied_test: share(&split.test, &tied),
        cold_valid: share(&split.valid, &cold),
        cold_test: share(&split.test, &cold),
        repeated_test: share(&split.test, &repeated),
        held_out_items: split.held_out().len() as u64,
        cold_cases: split.cases(CaseSet::Cold).len() as u64,
    }
}

impl std::fmt::Display for SplitReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |share: f64| 100.0 * share;
        write!(f, "{} interactions train, ", self.train_interactions)?;
        writeln!(
            f,
            "{} validation cases, {} test cases",
            self.valid_cases, self.test_cases
        )?;
        match self.has_times {
            true => write!(
                f,
                "{:.1} % of test targets tie in time with the item before",
                percent(self.tied_test)
            )?,
            false => write!(f, "no times: the source's order is kept")?,
        }
        write!(f, ", {:.1} % never train", percent(self.cold_test))?;
        write!(
            f,
            ", {:.1} % repeat an item of the history",
            percent(self.repeated_test)
        )?;
        match self.held_out_items {
            0 => Ok(()),
            items => write!(
                f,
                "\n{items} items held out, {} cold cases",
                self.cold_cases
            ),
        }
    }
}
