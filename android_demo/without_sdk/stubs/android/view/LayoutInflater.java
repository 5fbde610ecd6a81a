package android.view;

import android.content.Context;

public abstract class LayoutInflater {
    protected LayoutInflater(Context context) {}
    public View inflate(int layout, ViewGroup root, boolean attach) { throw new RuntimeException("Stub!"); }
}
