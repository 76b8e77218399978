// review.go asks a Kubernetes API server whether a token is good, as a Teleport does that
// runs in the same cluster.

package kubetoken

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/gravitational/trace"
)

const (
	accountsGroup = "system:serviceaccounts"
	podExtra      = "authentication.kubernetes.io/pod-name"
	reviewTimeout = 10 * time.Second
)

// Server is the Kubernetes API server to ask, and who asks.
type Server struct {
	URL   string `json:"server"`
	CA    string `json:"ca"`
	Token string `json:"token"`
}

type review struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       struct {
		Token     string   `json:"token"`
		Audiences []string `json:"audiences,omitempty"`
	} `json:"spec"`
	Status struct {
		Authenticated bool   `json:"authenticated"`
		Error         string `json:"error"`
		User          struct {
			Username string              `json:"username"`
			Groups   []string            `json:"groups"`
			Extra    map[string][]string `json:"extra"`
		} `json:"user"`
	} `json:"status"`
}

// Review gives the user of a token that the server holds for good, for its own audience or
// one of those given.
func (s Server) Review(ctx context.Context, token string, audiences ...string) (string, error) {
	answer, err := s.ask(ctx, token, nil)
	for _, audience := range audiences {
		if err != nil || answer.Status.Authenticated {
			break
		}
		answer, err = s.ask(ctx, token, []string{audience})
	}
	if err != nil {
		return "", err
	}
	user := answer.Status.User
	switch {
	case answer.Status.Error != "":
		return "", trace.AccessDenied("failed to validate the Kubernetes token\n\tkubernetes failed to validate token: %s", answer.Status.Error)
	case !answer.Status.Authenticated:
		return "", trace.AccessDenied("failed to validate the Kubernetes token\n\tkubernetes did not authenticate the token")
	case !slices.Contains(user.Groups, accountsGroup):
		return "", trace.AccessDenied("failed to validate the Kubernetes token\n\ttoken user is not a service account: %s", user.Username)
	case len(user.Extra[podExtra]) == 0:
		return "", trace.BadParameter("failed to validate the Kubernetes token\n\tlegacy SA tokens are not accepted as kubernetes version v1.37.2 supports bound tokens")
	}
	return user.Username, nil
}

func (s Server) ask(ctx context.Context, token string, audiences []string) (*review, error) {
	if s.URL == "" {
		return nil, trace.BadParameter("failed to validate the Kubernetes token\n\tthis auth server runs in no Kubernetes")
	}
	question := review{APIVersion: "authentication.k8s.io/v1", Kind: "TokenReview"}
	question.Spec.Token, question.Spec.Audiences = token, audiences
	body, err := json.Marshal(question)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/apis/authentication.k8s.io/v1/tokenreviews", bytes.NewReader(body))
	if err != nil {
		return nil, trace.Wrap(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+s.Token)
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, trace.ConnectionProblem(err, "token review: %v", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	if response.StatusCode != http.StatusCreated {
		return nil, trace.AccessDenied("token review: %s: %s", response.Status, text)
	}
	var answer review
	return &answer, trace.Wrap(json.Unmarshal(text, &answer))
}

func (s Server) client() (*http.Client, error) {
	roots := x509.NewCertPool()
	if s.CA != "" && !roots.AppendCertsFromPEM([]byte(s.CA)) {
		return nil, trace.BadParameter("ca: no certificate in it")
	}
	config := &tls.Config{RootCAs: roots, InsecureSkipVerify: s.CA == "", MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}, nil
}
