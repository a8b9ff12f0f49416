package history

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// hashLength is how many bytes of a hash are stored. It is enough to tell two keys apart, and too little to be sure that a guessed
// key is the right one.
const hashLength = 8

// KeysSince returns since when each key is in use. keys has the secrets by the name of their credential. A key that differs from the stored
// one of its credential replaces it, and is in use since now. The store keeps a salted hash of a key, and not the key.
func (s *Store) KeysSince(ctx context.Context, keys map[string]string, now time.Time) (map[string]time.Time, error) {
	all := make(map[string]time.Time, len(keys))
	for credential, key := range keys {
		since, err := s.keySince(ctx, credential, key, now)
		if err != nil {
			return nil, fmt.Errorf("note since when the key of credential %s is in use: %w", credential, err)
		}
		all[credential] = since
	}
	return all, nil
}

func (s *Store) keySince(ctx context.Context, credential, key string, now time.Time) (time.Time, error) {
	var salt, hash []byte
	var since int64
	err := s.db.QueryRowContext(ctx, `SELECT salt, hash, since FROM keys WHERE credential = ?`, credential).Scan(&salt, &hash, &since)
	switch {
	case err == nil && hmac.Equal(hash, hashOf(key, salt)):
		return time.UnixMicro(since), nil
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return time.Time{}, err
	}
	salt = make([]byte, sha256.Size)
	_, _ = rand.Read(salt) // never fails
	_, err = s.db.ExecContext(ctx, `INSERT INTO keys (credential, salt, hash, since) VALUES (?, ?, ?, ?)
		ON CONFLICT (credential) DO UPDATE SET salt = excluded.salt, hash = excluded.hash, since = excluded.since`,
		credential, salt, hashOf(key, salt), now.UnixMicro())
	return time.UnixMicro(now.UnixMicro()), err
}

func hashOf(key string, salt []byte) []byte {
	hash := hmac.New(sha256.New, salt)
	_, _ = hash.Write([]byte(key)) // never fails
	return hash.Sum(nil)[:hashLength]
}
