//! The backbone keeps what every backbone promises, linked in and loaded.

use lapidary_bert4rec as _;

lapidary_testkit::conformance!(backbone: "bert4rec");
