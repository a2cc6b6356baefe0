// vector_decode_patches: the form of vector_decode for Compare and List.
//   Compare: an image of a row a patch, the entry of its list where others have parameters; List: a pixel a row of the mask
//   in both, the column groups lie inside a pixel, and a word goes the way of operand b
// Golden: accel_models.commands (layout) and the refusals of accel_models.golden.patches. Latency 0.
// Combinational path: all inputs -> settings_o.
`default_nettype none
module vector_decode_patches #(
  parameter int unsigned Columns = 4
) (
  // Token masks and register flags are not for the engine.
  // verilator lint_off UNUSEDSIGNAL
  input  wire logic                 [511:0] command_i,
  // verilator lint_on UNUSEDSIGNAL
  input  wire vector_pkg::settings_t        neutral_i,
  output      vector_pkg::settings_t        settings_o
);
  localparam bit Narrow = Columns < accel_pkg::ListEntryBytes;

  logic [6:0] stop;  // register behind the last one
  assign stop = 7'(command_i[accel_pkg::ListDestinationLsb +: 5]) + 7'(command_i[accel_pkg::ListChunksLsb +: 6]);

  always_comb begin
    settings_o           = neutral_i;
    settings_o.inner     = 1'b1;
    settings_o.reads     = 1'b1;
    settings_o.add       = 1'b1;  // b as it is
    settings_o.mult_b    = 31'd1 << 30;
    settings_o.add_shift = 6'd30;
    settings_o.add_low   = 8'h80;
    settings_o.add_high  = 8'h7F;
    if (command_i[7:0] == accel_pkg::OpcodeCompare) begin
      settings_o.kind                = vector_pkg::KindCompare;
      settings_o.second              = 1'b1;
      settings_o.words               = 4'd1;
      settings_o.kernel_width        = 8'd2;
      settings_o.height              = command_i[accel_pkg::ComparePlanesLsb +: 12];
      settings_o.width               = command_i[accel_pkg::ComparePixelsLsb +: 12];
      settings_o.columns             = command_i[accel_pkg::CompareColumnsLsb +: 16];
      settings_o.input_address       = command_i[accel_pkg::CompareAAddressLsb +: 20];
      settings_o.input_row_stride    = command_i[accel_pkg::CompareAPlaneStrideLsb +: 20];
      settings_o.input_pixel_stride  = command_i[accel_pkg::CompareAPixelStrideLsb +: 16];
      settings_o.b_address           = command_i[accel_pkg::CompareBAddressLsb +: 20];
      settings_o.b_row_stride        = command_i[accel_pkg::CompareBPlaneStrideLsb +: 20];
      settings_o.b_pixel_stride      = command_i[accel_pkg::CompareBPixelStrideLsb +: 16];
      settings_o.parameters          = command_i[accel_pkg::CompareListAddressLsb +: 20];
      settings_o.output_address      = command_i[accel_pkg::CompareOutputAddressLsb +: 20];
      settings_o.threshold           = command_i[accel_pkg::CompareThresholdLsb +: 9];
      settings_o.illegal             = Narrow;
    end else begin
      settings_o.kind                = vector_pkg::KindList;
      settings_o.height              = command_i[accel_pkg::ListRowsLsb +: 12];
      settings_o.columns             = 16'(command_i[accel_pkg::ListColumnsLsb +: 12]);
      settings_o.input_address       = command_i[accel_pkg::ListMaskAddressLsb +: 20];
      settings_o.input_row_stride    = command_i[accel_pkg::ListMaskRowStrideLsb +: 20];
      settings_o.output_address      = command_i[accel_pkg::ListOutputAddressLsb +: 20];
      settings_o.output_pixel_stride = 16'(accel_pkg::ListEntryBytes);
      settings_o.threshold           = 9'($signed(command_i[accel_pkg::ListThresholdLsb +: 8]));
      settings_o.row_offset          = command_i[accel_pkg::ListRowOffsetLsb +: 32];
      settings_o.column_offset       = command_i[accel_pkg::ListColumnOffsetLsb +: 32];
      settings_o.destination         = command_i[accel_pkg::ListDestinationLsb +: 5];
      settings_o.chunks              = command_i[accel_pkg::ListChunksLsb +: 6];
      settings_o.chunk               = command_i[accel_pkg::ListChunkLsb +: 16];
      settings_o.illegal             = Narrow || stop > 7'(accel_pkg::Registers);
    end
  end
endmodule
`default_nettype wire
