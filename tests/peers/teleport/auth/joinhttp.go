// joinhttp.go is joining over HTTP, at the proxy and (up to version 17) at the auth server:
// the same body and answer. Everything about it was observed on Teleport 14.

package main

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"

	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
)

// longestBody is more than any request to join needs.
const longestBody = 1 << 20

// overHTTP answers requests to join; reach fails when the auth server is not to be had.
func (j *joining) overHTTP(endpoint string, reach func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		certificates, err := j.httpJoin(endpoint, reach, r)
		if err != nil {
			refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// The client is gone if this fails, and nobody is left to tell.
		_ = json.NewEncoder(w).Encode(certificates.legacy())
	}
}

func (j *joining) httpJoin(endpoint string, reach func() error, r *http.Request) (*issued, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, trace.BadParameter("invalid request")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, longestBody))
	if err != nil {
		return nil, trace.Wrap(err)
	}
	var request types.RegisterUsingTokenRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, trace.BadParameter("request: %v", err)
	}
	if err := reach(); err != nil {
		return nil, err
	}
	return j.join(r.Context(), endpoint, &request)
}

// refuse writes an error as Teleport's HTTP servers do.
func refuse(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(trace.ErrorToCode(err))
	// As above.
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": trace.UserMessage(err)}})
}
