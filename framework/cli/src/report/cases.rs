//! Case studies: a user's history, what the model recommends, why, and what the user had next.

use lapidary_core::data::{CaseSet, Split};
use lapidary_core::pipeline::Reopened;
use lapidary_core::rank::Query;
use lapidary_core::reason::Steer;
use serde::Serialize;

use super::Missing;
use crate::asking::named;
use crate::reasons;

/// Users that are shown where none is named.
const USERS: usize = 3;
/// Items of the history that are shown.
const HISTORY: usize = 8;
/// Recommendations that are shown.
const BEST: usize = 3;

/// One user.
#[derive(Serialize)]
pub struct CaseStudy {
    /// The user's identifier.
    pub user: String,
    /// How long the history is.
    pub history_length: usize,
    /// Its last items, the newest last.
    pub history: Vec<Item>,
    /// What the user had next, where a test case tells.
    pub next: Option<Next>,
    /// The best that the user does not have, best first.
    pub recommendations: Vec<reasons::Told>,
    /// The model's attributes, in the order of its columns.
    #[serde(skip)]
    pub attributes: Vec<String>,
}

/// An item.
#[derive(Serialize)]
pub struct Item {
    /// Its identifier.
    pub item: String,
    /// Its name.
    pub title: String,
}

/// What a user had next.
#[derive(Serialize)]
pub struct Next {
    /// The item.
    #[serde(flatten)]
    pub item: Item,
    /// Its place among those that the user did not have.
    pub place: usize,
}

/// Users of test cases, spread over all of them.
pub fn some_users(split: &Split) -> Vec<u32> {
    let cases = &split.test;
    let last = cases.len().saturating_sub(1);
    let place = |n: usize| n * last / (USERS - 1);
    let mut users: Vec<u32> = (0..USERS)
        .filter_map(|n| cases.get(place(n)))
        .map(|case| case.user)
        .collect();
    users.dedup();
    users
}

impl CaseStudy {
    /// Before the user's test case, where there is one.
    pub fn of(reopened: &Reopened, user: u32) -> Result<Self, Missing> {
        let Reopened {
            data,
            split,
            recommender,
        } = reopened;
        let case = split.test.iter().find(|case| case.user == user);
        let query = Query::of(split, user, case.map(|_| CaseSet::Test)).unwrap_or(Query {
            user: Some(user),
            history: &[],
        });
        let steer = Steer::default();
        let best = recommender.recommend(query, BEST, &steer)?;
        let mut items: Vec<u32> = best.iter().map(|best| best.item).collect();
        let target = case.map(|case| split.target(*case));
        items.extend(target);
        let mut portraits = recommender.portraits(split, query, &items, &steer)?;
        let item = |number: u32| -> Result<Item, Missing> {
            let (item, title) = named(data, number)?;
            Ok(Item { item, title })
        };
        let asked = portraits.pop_if(|_| target.is_some());
        let next = asked.map(|portrait| -> Result<Next, Missing> {
            Ok(Next {
                item: item(portrait.item)?,
                place: portrait.place,
            })
        });
        let shown = query.history.len().saturating_sub(HISTORY);
        let history = query.history[shown..].iter().map(|number| item(*number));
        let told = portraits.into_iter().map(|p| reasons::Told::of(data, p));
        Ok(Self {
            user: data.user_id(user)?,
            history_length: query.history.len(),
            history: history.collect::<Result<_, Missing>>()?,
            next: next.transpose()?,
            recommendations: told.collect::<Result<_, _>>()?,
            attributes: recommender.attributes.clone(),
        })
    }
}
