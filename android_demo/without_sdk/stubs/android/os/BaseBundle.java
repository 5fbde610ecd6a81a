package android.os;

public class BaseBundle {
    BaseBundle() {}
    public boolean getBoolean(String key) { throw new RuntimeException("Stub!"); }
    public void putBoolean(String key, boolean value) { throw new RuntimeException("Stub!"); }
}
