package collector

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/otel/otlperr"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// FuzzStatusOfACollector reads the status of a gRPC collector with its details. A pause ends within maxPause, and an error is never taken
// for spans that were accepted.
func FuzzStatusOfACollector(f *testing.F) {
	for _, seconds := range []int64{0, 7, -7, 1 << 62} {
		retry, err := anypb.New(&errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: seconds}})
		if err != nil {
			f.Fatal(err)
		}
		text, err := proto.Marshal(&spb.Status{Code: 14, Message: "OTLP partial success: (1 spans rejected)", Details: []*anypb.Any{retry, {}}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		said := &spb.Status{}
		if proto.Unmarshal(answer, said) != nil || said.GetCode() == 0 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			p := &pause{}
			invoke := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
				return status.FromProto(said).Err()
			}
			err := p.intercept(t.Context(), "", nil, nil, nil, invoke)
			if outcome, lost := otlperr.Classify(err, 5); err == nil || outcome == otlperr.Accepted || lost < 0 || lost > 5 {
				t.Errorf("%v: outcome %v with %d lost of 5", err, outcome, lost)
			}
			<-time.After(maxPause)
			if err := p.check(); err != nil {
				t.Error(err)
			}
		})
	})
}
