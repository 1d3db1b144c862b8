package tensor

// Resident returns the bytes of this process that are in memory now.
func Resident() int64 { return residentField("VmRSS:") }
