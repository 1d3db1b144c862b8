package sub_test

import "github.com/sugarme/gotch/libtch"

var _, _ = libtch.AtgAdd, libtch.AtgChunk
