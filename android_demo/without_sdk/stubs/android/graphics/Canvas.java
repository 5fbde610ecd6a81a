package android.graphics;

public class Canvas {
    public void drawRoundRect(float left, float top, float right, float bottom, float rx, float ry, Paint paint) { throw new RuntimeException("Stub!"); }
    public void drawText(String text, float x, float y, Paint paint) { throw new RuntimeException("Stub!"); }
}
