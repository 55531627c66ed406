//! The reducers keep what every reducer promises, linked in and loaded.

use lapidary_reducers as _;

lapidary_testkit::conformance!(reducer: "autoencoder", reducer: "pca", reducer: "random_projection", reducer: "truncated_svd",
    reducer: "whitening");
