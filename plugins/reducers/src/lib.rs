//! lapidary-reducers
