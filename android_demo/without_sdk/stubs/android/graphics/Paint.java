package android.graphics;

public class Paint {
    public static final int ANTI_ALIAS_FLAG = 1;
    public Paint(int flags) {}
    public int getColor() { throw new RuntimeException("Stub!"); }
    public void setColor(int color) { throw new RuntimeException("Stub!"); }
    public float getTextSize() { throw new RuntimeException("Stub!"); }
    public void setTextSize(float size) { throw new RuntimeException("Stub!"); }
    public Typeface getTypeface() { throw new RuntimeException("Stub!"); }
    public Typeface setTypeface(Typeface typeface) { throw new RuntimeException("Stub!"); }
    public float measureText(String text) { throw new RuntimeException("Stub!"); }
}
