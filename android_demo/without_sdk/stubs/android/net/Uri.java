package android.net;

public abstract class Uri {
    private Uri() {}
    public static Uri fromParts(String scheme, String specific, String fragment) { throw new RuntimeException("Stub!"); }
}
