//! lapidary-ppmi-svd
