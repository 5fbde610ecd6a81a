package android.security.keystore;

import java.security.spec.AlgorithmParameterSpec;

public final class KeyGenParameterSpec implements AlgorithmParameterSpec {
    private KeyGenParameterSpec() {}

    public static final class Builder {
        public Builder(String alias, int purposes) {}
        public Builder setAlgorithmParameterSpec(AlgorithmParameterSpec spec) { throw new RuntimeException("Stub!"); }
        public Builder setDigests(String... digests) { throw new RuntimeException("Stub!"); }
        public KeyGenParameterSpec build() { throw new RuntimeException("Stub!"); }
    }
}
