package history

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"squarewatch/probe"
)

// evidenceText returns evidence as the column stores it: NULL for none, so that the many expected runs need no room for it.
func evidenceText(evidence []probe.Evidence) (sql.NullString, error) {
	if len(evidence) == 0 {
		return sql.NullString{}, nil
	}
	text, err := json.Marshal(evidence)
	if err != nil {
		return sql.NullString{}, fmt.Errorf("write evidence: %w", err)
	}
	return sql.NullString{String: string(text), Valid: true}, nil
}

// readEvidence reads what evidenceText returned.
func readEvidence(text sql.NullString) ([]probe.Evidence, error) {
	if !text.Valid {
		return nil, nil
	}
	var evidence []probe.Evidence
	if err := json.Unmarshal([]byte(text.String), &evidence); err != nil {
		return nil, fmt.Errorf("read evidence: %w", err)
	}
	return evidence, nil
}
