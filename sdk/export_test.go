package sdk

// DecodeRows reads a whole request frame, which a Server reads row by row.
func DecodeRows(frame []byte) ([]Row, error) {
	r, err := newRowReader(frame)
	if err != nil {
		return nil, err
	}
	rows := make([]Row, r.count)
	for i := range rows {
		if _, err := r.next(); err != nil {
			return nil, err
		}
		rows[i] = NewRow(r.cells)
		r.cells = make([]Cell, r.columns)
	}
	return rows, r.end()
}
