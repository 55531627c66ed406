//! The backbone keeps what every backbone promises, linked in and loaded.

use lapidary_gru4rec as _;

lapidary_testkit::conformance!(backbone: "gru4rec");
